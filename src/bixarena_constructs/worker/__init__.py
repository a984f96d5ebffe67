"""The reference worker: turns votes into public leaderboard snapshots.

It needs no AWS SDK: the ECS agent injects its secrets as environment variables. Run it with
``python -m bixarena_constructs.worker``.
"""
