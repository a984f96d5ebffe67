"""Write the picture of the architecture, light and dark: ``make api``."""

from __future__ import annotations

from pathlib import Path
from typing import Final

FOLDER: Final = Path(__file__).parent / "images"
WIDTH, HEIGHT = 940, 500
# Paper, text, quiet text, lines; outlines of what the construct defines, and of the monitoring.
PALETTES: Final = {
    "light": ("#ffffff", "#1f2328", "#59636e", "#818b98", "#3f51b5", "#b3541e"),
    "dark": ("#0d1117", "#f0f6fc", "#9198a1", "#656c76", "#8c9eff", "#ffab70"),
}
YOURS, TASK, MONITORING = "yours", "task", "monitoring"
# Left, top, title, what it is for, whose it is.
BOXES: Final = (
    (30, 24, "Image in GHCR", "pulled by the ECS agent", YOURS),
    (350, 24, "Secrets Manager", "fields become variables", YOURS),
    (30, 150, "EventBridge rule", "daily, in UTC, one target", TASK),
    (350, 150, "Task on Fargate", "the worker, and GuardDuty's agent", TASK),
    (670, 150, "PostgreSQL", "votes in, snapshots out", YOURS),
    (30, 276, "Dead-letter queue", "events whose run did not start", TASK),
    (350, 276, "Log group", "a JSON line for each step", TASK),
    (670, 276, "Rules on state changes", "one for each cause of failure", MONITORING),
    (350, 390, "Metrics and alarms", "hung, missed and lost runs", MONITORING),
    (670, 390, "Topic", "mail, chat or pager of your team", MONITORING),
)
BOX_WIDTH, BOX_HEIGHT = 240, 62
# Corners of each arrow, and its label with the place of that.
ARROWS: Final = (
    ("270,181 350,181", "RunTask", (310, 172)),
    ("590,181 670,181", "SQL", (630, 172)),
    ("150,86 150,118 400,118 400,150", "", (0, 0)),
    ("470,86 470,150", "", (0, 0)),
    ("150,212 150,276", "", (0, 0)),
    ("470,212 470,276", "", (0, 0)),
    ("570,212 570,244 790,244 790,276", "ECS events", (680, 236)),
    ("470,338 470,390", "", (0, 0)),
    ("150,338 150,421 350,421", "", (0, 0)),
    ("590,421 670,421", "", (0, 0)),
    ("790,338 790,390", "", (0, 0)),
)
LEGEND: Final = (
    (30, TASK, "defined by the construct"),
    (350, MONITORING, "added by monitoring="),
    (670, YOURS, "yours"),
)
HEAD: Final = f"""\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}"
  height="{HEIGHT}" font-family="system-ui, sans-serif" text-anchor="middle" role="img"
  aria-labelledby="title">
<title id="title">A rule starts the task, which reads votes and writes snapshots; its log and its
  state changes lead to alerts.</title>"""
ARROWHEAD: Final = """\
<defs><marker id="end" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8"
  orient="auto"><path d="M0 0 8 4 0 8z" fill="LINE"/></marker></defs>"""


def picture(palette: tuple[str, ...]) -> str:
    """Return the SVG in some colours."""
    paper, text, quiet, line, task, monitoring = palette
    outlines = {
        YOURS: f'stroke="{line}" stroke-dasharray="6 4"',
        TASK: f'stroke="{task}"',
        MONITORING: f'stroke="{monitoring}"',
    }
    parts = [
        HEAD,
        ARROWHEAD.replace("LINE", line),
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="{paper}"/>',
    ]
    for corners, label, (x, y) in ARROWS:
        parts.append(
            f'<polyline points="{corners}" fill="none" stroke="{line}" stroke-width="1.5" '
            'marker-end="url(#end)"/>'
        )
        if label:
            parts.append(f'<text x="{x}" y="{y}" font-size="12" fill="{quiet}">{label}</text>')
    for x, y, title, purpose, owner in BOXES:
        middle = x + BOX_WIDTH // 2
        parts += [
            (
                f'<rect x="{x}" y="{y}" width="{BOX_WIDTH}" height="{BOX_HEIGHT}" rx="6" '
                f'fill="{paper}" stroke-width="1.5" {outlines[owner]}/>'
            ),
            (
                f'<text x="{middle}" y="{y + 27}" font-size="15" font-weight="600" fill="{text}">'
                f"{title}</text>"
            ),
            f'<text x="{middle}" y="{y + 47}" font-size="12" fill="{quiet}">{purpose}</text>',
        ]
    for x, owner, meaning in LEGEND:
        parts += [
            f'<line x1="{x}" x2="{x + 36}" y1="478" y2="478" stroke-width="2" {outlines[owner]}/>',
            (
                f'<text x="{x + 46}" y="482" font-size="12" fill="{quiet}" text-anchor="start">'
                f"{meaning}</text>"
            ),
        ]
    return "\n".join([*parts, "</svg>", ""])


if __name__ == "__main__":
    for name, colours in PALETTES.items():
        (FOLDER / f"architecture-{name}.svg").write_text(picture(colours))
