"""Writes the summary of BENCHMARKS.md, a table and a picture, from the details on that page.

    python bench/summary.py [--check]

With --check it writes nothing, and fails if the summary does not match the details.
"""

import html
import pathlib
import re
import sys

TOP = pathlib.Path(__file__).resolve().parents[1]
PAGE = TOP / "BENCHMARKS.md"
PICTURE = TOP / "docs/images/benchmarks.svg"
BEGIN, END = "<!-- summary: bench/summary.py -->", "<!-- end of summary -->"
SECONDS = {"ns": 1e-9, "µs": 1e-6, "ms": 1e-3, "s": 1.0}

# Each group has a title and bars. A bar has a label, and the family, row and column of the details. vetassist is first.
GROUPS = [
    ("Sign-ins a second, 8 connections, from Python", [
        ("vetassist_login", "job", "a sign-in", "vetassist_login from asyncpg"),
        ("five statements and cryptography", "job", "a sign-in", "five statements from asyncpg, cryptography"),
    ]),
    ("Session checks a second, a million sessions", [
        ("vetassist_session_active", "job", "a session of 1 million", "vetassist_session_active"),
        ("a bare SELECT", "job", "a session of 1 million", "a bare SELECT"),
    ]),
    ("Rows rotated a second", [
        ("vetassist_rotate_tokens", "job", "sealing a row's two tokens again, 1000 at a time", "vetassist_rotate_tokens"),
        ("a bare UPDATE, which seals nothing", "job", "sealing a row's two tokens again, 1000 at a time", "a bare UPDATE"),
    ]),
    ("Seals of 1 KiB a second, in SQL", [
        ("vetassist_encrypt_token", "sql", "1 KiB", "encrypt_token"),
        ("pgcrypto encrypt_iv and hmac", "sql", "1 KiB", "encrypt_iv + hmac"),
        ("pgcrypto pgp_sym_encrypt", "sql", "1 KiB", "pgp_sym_encrypt"),
    ]),
    ("Seals of 1 KiB a second, in Node", [
        ("vetassist", "edge-node", "seal 1 KiB", "vetassist"),
        ("node:crypto", "edge-node", "seal 1 KiB", "node:crypto"),
        ("WebCrypto", "edge-node", "seal 1 KiB", "WebCrypto"),
        ("@noble/ciphers", "edge-node", "seal 1 KiB", "@noble/ciphers"),
    ]),
    ("Seals of 1 KiB a second, in Chromium", [
        ("vetassist", "edge-chromium", "seal 1 KiB", "vetassist"),
        ("WebCrypto", "edge-chromium", "seal 1 KiB", "WebCrypto"),
        ("@noble/ciphers", "edge-chromium", "seal 1 KiB", "@noble/ciphers"),
    ]),
]


def details(page: str) -> dict[tuple[str, str, str], float]:
    """Returns the seconds of each measurement, by its family, its row and its column."""
    found = {}
    for section in re.split(r"^### ", page, flags=re.MULTILINE)[1:]:
        family = section.split("\n", 1)[0]
        for line in section.splitlines():
            if line.startswith("| ") and not line.startswith("| what"):
                what, *sides = [cell.strip() for cell in line.strip("|").split(" | ")][:3]
                for side in sides:
                    who, amount, unit = side.rsplit(" ", 2)
                    if unit in SECONDS:
                        found[family, what, who] = float(amount) * SECONDS[unit]
    return found


def rounded(rate: float) -> str:
    """Returns a rate to two digits, with commas."""
    digits = len(str(int(rate))) - 2
    return f"{int(round(rate, -digits)):,}"


def times(ratio: float) -> str:
    """Returns a ratio to two digits."""
    return f"{ratio:.0f}" if ratio >= 10 else f"{ratio:.2g}"


def rates(page: str) -> list[tuple[str, list[tuple[str, float]]]]:
    """Returns each group's bars, with their rates."""
    seconds = details(page)
    return [(title, [(bar[0], 1 / seconds[bar[1:]]) for bar in bars]) for title, bars in GROUPS]


def table(groups: list[tuple[str, list[tuple[str, float]]]]) -> str:
    """Returns the table: the rates, and for each alternative the rate of vetassist divided by its rate."""
    lines = ["| what | vetassist | others |", "|---|---|---|"]
    for title, ((_, ours), *others) in groups:
        compared = "; ".join(f"{name}: {rounded(rate)} ({times(ours / rate)}×)" for name, rate in others)
        lines.append(f"| {title} | {rounded(ours)} | {compared} |")
    return "\n".join(lines)


def picture(groups: list[tuple[str, list[tuple[str, float]]]]) -> str:
    """Returns the picture. The length of a bar is its rate divided by the greatest rate of its group."""
    left, width, y, parts = 290, 360, 10, []
    for title, bars in groups:
        y += 24
        parts.append(f'<text class="head" x="10" y="{y}">{html.escape(title)}</text>')
        most = max(rate for _, rate in bars)
        for number, (name, rate) in enumerate(bars):
            y += 22
            length = max(2, round(width * rate / most))
            parts.append(f'<text class="name" x="{left - 10}" y="{y}">{html.escape(name)}</text>')
            parts.append(f'<rect class="{"other" if number else "ours"}" x="{left}" y="{y - 12}" width="{length}" height="15" rx="2"/>')
            parts.append(f'<text class="rate" x="{left + length + 6}" y="{y}">{rounded(rate)}</text>')
        y += 10
    style = """
    .page { fill: #fff; } .head { fill: #1f2328; font-weight: 600; } .name { fill: #1f2328; text-anchor: end; }
    .rate { fill: #57606a; } .ours { fill: #0969da; } .other { fill: #afb8c1; }
    @media (prefers-color-scheme: dark) {
      .page { fill: #0d1117; } .head, .name { fill: #e6edf3; } .rate { fill: #9ea7b3; } .ours { fill: #4493f8; } .other { fill: #484f58; }
    }
  """
    body = "\n  ".join(parts)
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 740 {y + 10}" role="img" font-family="system-ui, sans-serif" font-size="13">
  <title>Calls a second: vetassist beside the alternatives. Longer is better.</title>
  <style>{style}</style>
  <rect class="page" width="740" height="{y + 10}"/>
  {body}
</svg>
"""


def summarised(page: str) -> tuple[str, str]:
    """Returns the page with its summary, and the picture."""
    groups = rates(page)
    before, rest = page.split(BEGIN)
    after = rest.split(END)[1]
    alt = "Calls a second of vetassist beside the alternatives; the table has the numbers."
    summary = f'{BEGIN}\n\n<img src="docs/images/benchmarks.svg" alt="{alt}">\n\n{table(groups)}\n\n{END}'
    return before + summary + after, picture(groups)


def main() -> None:
    """Writes the summary, or checks it."""
    page, drawn = summarised(PAGE.read_text(encoding="utf-8"))
    if "--check" in sys.argv[1:]:
        same = page == PAGE.read_text(encoding="utf-8") and drawn == PICTURE.read_text(encoding="utf-8")
        sys.exit(0 if same else "the summary of BENCHMARKS.md is not that of its details: run python bench/summary.py")
    PAGE.write_text(page, encoding="utf-8")
    PICTURE.write_text(drawn, encoding="utf-8")


if __name__ == "__main__":
    main()
