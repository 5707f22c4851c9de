"""Line graphs as SVG, with nothing but text."""

WIDTH, LEFT, RIGHT = 860, 64, 16
COLOURS = {"offered": "#8a8f98", "goodput": "#1a7f37", "refused": "#b35900", "p99": "#0a58ca", "p50": "#6f42c1"}


def scale(top):
    """A round step for about four lines up to top."""
    step = 1
    while top / step > 5:
        step *= 2 if str(step)[0] == "1" else 2.5 if str(step)[0] == "2" else 2
        step = int(step)
    return step


def number(value):
    return f"{value / 1000:g}k" if value >= 1000 else f"{value:g}"


def panel(y, height, title, seconds, lines, shade, mark=None):
    """One graph; lines: name -> values by second. mark: (value, text) of a dashed line across."""
    top = max([1] + [v for values in lines.values() for v in values] + ([mark[0]] if mark else []))
    step = scale(top)
    top = (int(top / step) + 1) * step
    inner = WIDTH - LEFT - RIGHT
    x = lambda s: round(LEFT + inner * s / max(seconds, 1), 1)
    h = lambda v: round(y + height - height * v / top, 1)
    out = [f'<rect x="{x(shade[0])}" y="{y}" width="{round(x(shade[1]) - x(shade[0]), 1)}" height="{height}" fill="#fff4e0"/>',
           f'<text x="{LEFT}" y="{y - 10}" class="t">{title}</text>']
    for k in range(int(top / step) + 1):
        out.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{h(k * step)}" y2="{h(k * step)}" stroke="#e3e5e8"/>'
                   f'<text x="{LEFT - 8}" y="{h(k * step) + 4}" text-anchor="end">{number(k * step)}</text>')
    for s in range(0, seconds + 1, 10):
        out.append(f'<text x="{x(s)}" y="{y + height + 16}" text-anchor="middle">{s}</text>')
    if mark:
        out.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{h(mark[0])}" y2="{h(mark[0])}" stroke="#1a7f37" '
                   f'stroke-dasharray="5 4"/><text x="{WIDTH - RIGHT - 4}" y="{h(mark[0]) - 5}" text-anchor="end">{mark[1]}</text>')
    for name, values in lines.items():
        points = " ".join(f"{x(s + 0.5)},{h(v)}" for s, v in enumerate(values))
        out.append(f'<polyline points="{points}" fill="none" stroke="{COLOURS[name.split()[0]]}" stroke-width="2"/>')
    spot = WIDTH - RIGHT
    for name in reversed(list(lines)):
        spot -= 7 * len(name) + 26
        out.append(f'<rect x="{spot}" y="{y - 20}" width="12" height="12" fill="{COLOURS[name.split()[0]]}"/>'
                   f'<text x="{spot + 16}" y="{y - 10}">{name}</text>')
    out.append(f'<text x="{WIDTH - RIGHT}" y="{y + height + 32}" text-anchor="end">seconds</text>')
    return out


def overload(row, maximum):
    """The graph of one overload run."""
    each = row["each_second"][:row["before_s"] + row["seconds_over"] + 20]
    shade = (row["before_s"], row["before_s"] + row["seconds_over"])
    body = panel(50, 240, "Calls a second (shaded: too much is offered)", len(each), {
        "offered": [s["launched"] for s in each], "goodput": [s["ok"] for s in each],
        "refused (503)": [s["rejected"] for s in each]}, shade,
        (maximum, f"its maximum, {maximum} cps") if maximum else None)
    body += panel(370, 160, "INVITE to 180 in ms, of the calls launched in that second", len(each), {
        "p50": [s["p50"] / 1000 for s in each], "p99": [s["p99"] / 1000 for s in each]}, shade)
    return (f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="580" viewBox="0 0 {WIDTH} 580" '
            'font-family="sans-serif" font-size="12" fill="#24292f">\n<style>.t{font-weight:bold;font-size:14px}</style>\n'
            f'<rect width="{WIDTH}" height="580" fill="#ffffff"/>\n' + "\n".join(body) + "\n</svg>\n")
