"""Draws the plot of growth.py: an SVG that needs no library to make, nor a script to look at."""

from math import ceil, floor, log10

WIDTH, HEIGHT = 760, 420
LEFT, RIGHT, TOP, BOTTOM = 70, 170, 30, 50
# Told apart by those who confuse red and green, too.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")


def draw(sizes, rows):
    """The SVG, as text.

    Args:
        sizes: how many greenlets or timers; the horizontal axis, logarithmic.
        rows: {name: nanoseconds at each size}; the vertical axis, logarithmic.
    """
    values = [value for figures in rows.values() for value in figures]
    low, high = floor(log10(min(values))), ceil(log10(max(values)))

    def x(size):
        return LEFT + (log10(size) - log10(sizes[0])) / (log10(sizes[-1]) - log10(sizes[0])) * (WIDTH - LEFT - RIGHT)

    def y(value):
        return HEIGHT - BOTTOM - (log10(value) - low) / (high - low) * (HEIGHT - TOP - BOTTOM)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}"',
        'font-family="sans-serif" font-size="12">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        '<text x="12" y="18">CPU time of one operation</text>',
    ]
    for power in range(low, high + 1):
        parts.append(_line(LEFT, y(10**power), WIDTH - RIGHT, y(10**power), "#ddd"))
        parts.append(f'<text x="{LEFT - 8}" y="{y(10**power) + 4:.0f}" text-anchor="end">{_duration(10**power)}</text>')
    for size in sizes:
        parts.append(_line(x(size), TOP, x(size), HEIGHT - BOTTOM, "#ddd"))
        label = f"{size:,}".replace(",", " ")
        parts.append(f'<text x="{x(size):.0f}" y="{HEIGHT - BOTTOM + 18}" text-anchor="middle">{label}</text>')
    middle = (LEFT + WIDTH - RIGHT) / 2
    parts.append(f'<text x="{middle:.0f}" y="{HEIGHT - 12}" text-anchor="middle">greenlets or timers at once</text>')
    for (name, figures), colour, label_y in zip(rows.items(), COLOURS, _labels(rows, y), strict=False):
        points = [(x(size), y(value)) for size, value in zip(sizes, figures, strict=True)]
        path = " ".join(f"{across:.1f},{down:.1f}" for across, down in points)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts.extend(f'<circle cx="{across:.1f}" cy="{down:.1f}" r="3" fill="{colour}"/>' for across, down in points)
        parts.append(f'<text x="{WIDTH - RIGHT + 12}" y="{label_y:.0f}" fill="{colour}">{name}</text>')
    parts.append("</svg>\n")
    return "\n".join(parts)


def _line(x1, y1, x2, y2, colour):
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{colour}"/>'


def _duration(nanoseconds):
    unit, factor = next((u, f) for u, f in (("ms", 10**6), ("µs", 10**3), ("ns", 1)) if nanoseconds >= f)
    return f"{nanoseconds // factor} {unit}"


def _labels(rows, y):
    """Where each row's name goes: beside its last point, but none on another."""
    wanted = {name: y(figures[-1]) + 4 for name, figures in rows.items()}
    placed, lowest = {}, 0.0
    for name in sorted(wanted, key=wanted.__getitem__):
        lowest = placed[name] = max(wanted[name], lowest + 15)
    return [placed[name] for name in rows]
