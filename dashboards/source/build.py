#!/usr/bin/env python3
"""Writes the dashboards' JSON, and the list of panels in README.md, from the files beside this one.

With --check, nothing is written: it says whether what is there is current.
"""

import json
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.dont_write_bytecode = True

import overview  # noqa: E402
import peers  # noqa: E402
import process  # noqa: E402

FOLDER = HERE.parent / "grafana" / "dashboards"
PAGE = HERE.parent / "README.md"
BEGIN, END = "<!-- panels, written by source/build.py -->\n", "<!-- end of panels -->"


def shown(panels):
    return [panel for panel in panels if panel["type"] != "row"]


def page(made):
    """README.md with its list of panels renewed."""
    lines = []
    for each in made:
        lines += [f"### {each['title']}", "", each["description"], "", "| panel | means |", "|---|---|"]
        lines += [f"| {panel['title']} | {panel['description']} |" for panel in shown(each["panels"])]
        lines.append("")
    text = PAGE.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    return before + BEGIN + "\n" + "\n".join(lines) + END + rest.split(END)[1]


def main():
    made = [module.DASHBOARD for module in (overview, peers, process)]
    wanted = {FOLDER / (each["uid"] + ".json"): json.dumps(each, indent=1, ensure_ascii=False) + "\n" for each in made}
    wanted[PAGE] = page(made)
    if "--check" in sys.argv[1:]:
        stale = [path.name for path, text in wanted.items() if not path.exists() or path.read_text(encoding="utf-8") != text]
        if stale:
            sys.exit(f"run dashboards/source/build.py, for this is not what it writes: {', '.join(stale)}")
        return
    for path, text in wanted.items():
        path.write_text(text, encoding="utf-8")
    for each in made:
        print(f"{each['title']}: {len(shown(each['panels']))} panels")


if __name__ == "__main__":
    main()
