"""What watches a task: reports that a run failed, could not start, hung, or never happened.

Each module defines one part of it; ``task_monitoring`` puts them together for a task.
"""
