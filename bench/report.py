#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-3-Clause
"""Makes performance.md and its pictures of what bench/all.sh measured.

Usage: report.py RESULTS DOCS
"""

import json
import math
import pathlib
import sys

RESULTS = pathlib.Path(sys.argv[1])
DOCS = pathlib.Path(sys.argv[2])
COLOURS = ["#0b6e99", "#d9730d", "#6b4c9a", "#448361", "#b03a2e"]


def text_of(name):
    path = RESULTS / name
    return path.read_text(encoding="utf-8").rstrip() if path.exists() else ""


def lines_of(name):
    return [json.loads(line) for line in text_of(name).splitlines()]


def count(n):
    """1100000 as "1.1 M"."""
    for unit, letter in ((1e6, " M"), (1e3, " k")):
        if n >= unit:
            return f"{n / unit:g}{letter}"
    return str(n)


def table(head, rows):
    out = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    out += ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    return "\n".join(out) + "\n"


class Picture:
    """Lines over a logarithmic axis, from names to a quantity from 0."""

    WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 640, 360, 60, 170, 40, 50

    def __init__(self, title, y_title):
        self.title, self.y_title, self.lines = title, y_title, []

    def add(self, label, points):
        if points:
            self.lines.append((label, sorted(points)))

    def scale(self):
        xs = [math.log10(x) for _, p in self.lines for x, _ in p]
        top = max(y for _, p in self.lines for _, y in p)
        step = 10 ** math.floor(math.log10(top))
        step = next(s for s in (step / 5, step / 2, step, 2 * step) if top / s <= 8)
        return min(xs), max(max(xs), min(xs) + 1), step, math.ceil(top / step)

    def draw(self, path):
        x0, x1, step, steps = self.scale()
        right, bottom = self.WIDTH - self.RIGHT, self.HEIGHT - self.BOTTOM

        def px(x):
            return self.LEFT + (math.log10(x) - x0) / (x1 - x0) * (right - self.LEFT)

        def py(y):
            return bottom - y / (step * steps) * (bottom - self.TOP)

        def words(x, y, text, anchor="middle", colour="#333"):
            return f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}" fill="{colour}">{text}</text>'

        out = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.WIDTH} {self.HEIGHT}" '
            'font-family="sans-serif" font-size="12">',
            f'<rect width="{self.WIDTH}" height="{self.HEIGHT}" fill="white"/>',
            words(self.LEFT, 20, f"{self.title}: {self.y_title}", "start"),
            words((self.LEFT + right) / 2, self.HEIGHT - 10, "names loaded"),
        ]
        for i in range(steps + 1):
            y = py(i * step)
            out.append(
                f'<line x1="{self.LEFT}" x2="{right}" y1="{y:.0f}" y2="{y:.0f}" stroke="#ddd"/>'
            )
            out.append(words(self.LEFT - 8, y + 4, f"{i * step:g}", "end"))
        for power in range(math.ceil(x0), math.floor(x1) + 1):
            out.append(words(px(10**power), bottom + 18, count(10**power)))
        for i, (label, points) in enumerate(self.lines):
            colour = COLOURS[i % len(COLOURS)]
            way = " ".join(f"{px(x):.1f},{py(y):.1f}" for x, y in points)
            out.append(f'<polyline points="{way}" fill="none" stroke="{colour}" stroke-width="2"/>')
            for x, y in points:
                out.append(f'<circle cx="{px(x):.1f}" cy="{py(y):.1f}" r="3" fill="{colour}"/>')
            y = self.TOP + 10 + 20 * i
            out.append(
                f'<line x1="{right + 15}" x2="{right + 35}" y1="{y}" y2="{y}" '
                f'stroke="{colour}" stroke-width="2"/>'
            )
            out.append(words(right + 40, y + 4, label, "start"))
        out.append("</svg>")
        path.write_text("\n".join(out) + "\n", encoding="utf-8")


def section_table(rows):
    looks = [r for r in rows if r["bench"] == "table"]
    memory = [r for r in rows if r["bench"] == "table_memory"]
    out = ["## Table\n"]
    out.append("Million lookups a second, in bursts of 32 names; `alone` is our table asked one name at a time.\n")
    out.append(
        table(
            ["names", "asked", "published/s", "table", "alone", "cds_lfht", "rte_hash", "over cds_lfht", "over rte_hash"],
            [
                [count(r["names"]), r["order"], f"{r['writes_per_s']:.0f}"]
                + [f"{r[k + '_per_s'] / 1e6:.1f}" for k in ("table", "alone", "lfht", "hash")]
                + [f"{r['over_lfht']:.2f}", f"{r['over_hash']:.2f}"]
                for r in looks
            ],
        )
    )
    out.append("Octets a `none` name, all in, and inserts a second while another core looks up:\n")
    out.append(
        table(
            ["names", "", "octets a name", "M inserts/s"],
            [
                [count(r["names"]), r["what"], f"{r['bytes']:.1f}", f"{r['inserts_per_s'] / 1e6:.2f}"]
                for r in memory
            ],
        )
    )
    most = max((r for r in memory if r["what"] == "table"), key=lambda r: r["names"], default=None)
    if most:
        out.append(
            f"100 M names by arithmetic: {most['bytes'] / 10:.1f} GB, as an entry and its part of the "
            "buckets do not grow with their number.\n"
        )
        picture = Picture("Memory", "MiB")
        for what in ("table", "cds_lfht", "rte_hash"):
            picture.add(
                what, [(r["names"], r["bytes"] * r["names"] / 2**20) for r in memory if r["what"] == what]
            )
        picture.draw(DOCS / "memory.svg")
        out.append("![Memory against names](memory.svg)\n")
    return out


def section_replay(rows):
    return [
        "## Without a driver\n",
        "`stsbench replay`: million queries a second of CPU time of one worker, names in random order, a tenth "
        "of them with a policy; and the same while the other core publishes 100,000 records a second.\n",
        table(
            ["names", "quiet", "published into", "ratio"],
            [[count(r["names"]), f"{r['quiet']:.2f}", f"{r['busy']:.2f}", f"{r['ratio']:.3f}"] for r in rows],
        ),
    ]


def section_memif(rows):
    return [
        "## memif, and the echo beside it\n",
        "One core for stsd or the echo, one for the generator. With names in random order the echo's frames are "
        "as long as queries, with Zipf's law as long as the mean of queries and answers. One answer in 1,024 "
        "is compared. `generator-bound`: pairs in which the generator, not the echo, was the limit.\n",
        table(
            ["names", "order", "M answers/s", "M echoes/s", "ratio", "pairs", "generator-bound", "compared", "wrong"],
            [
                [count(int(r["what"].split("-")[1])), r["what"].split("-")[0], f"{r['stsd'] / 1e6:.2f}"]
                + [f"{r['echo'] / 1e6:.2f}", f"{r['ratio']:.3f}", f"{r['pairs']} {'near' if r['near'] else 'far'}"]
                + [r["bound"], r["compared"], r["wrong"]]
                for r in rows
            ],
        ),
    ]


def section_latency(rows):
    return [
        "## Latency at half the load\n",
        "Over memif, open loop at half of what stsd answered above, both at the same rate; microseconds from the time "
        "a query was due.\n",
        table(
            ["queries/s", "seconds", "stsd p50", "p99", "p99.9", "echo p50", "p99", "p99.9", "p99 over the echo's"],
            [
                [f"{r['rate']:,}", r["seconds"]]
                + [f"{r[side + '_' + p + '_us']:.1f}" for side in ("stsd", "echo") for p in ("p50", "p99", "p999")]
                + [f"{r['stsd_p99_us'] / r['echo_p99_us']:.2f}"]
                for r in rows
            ],
        ),
    ]


def section_rivals(rows, memif):
    best = max((r for r in rows if r["server"] == r["rival"]), key=lambda r: r["best"])
    bars = [(r["server"], r["best"] / 1e6) for r in rows]
    bars += [(f"stsd-memif, {r['what']}", r["stsd"] / 1e6) for r in memif if r["what"] == "uniform-1000000"]
    draw_bars(DOCS / "rivals.svg", "What a sender could ask, one core", "million answers a second", bars)
    out = [
        "## What a sender could ask instead\n",
        "The same 100,000 names and TXT answers over a veth pair, one core for the server, one for the load; `echo` sends "
        "datagrams back over one socket of the kernel. Answers a second by the better of two loaders.\n",
        table(
            ["server", "by stsbench", "by kxdpgun", f"over {best['rival']}"],
            [[r["server"], f"{r['sockets']:,}", f"{r['kxdpgun']:,}", f"{r['over_rival']:.2f}"] for r in rows],
        ),
        "![Answers a second of several servers](rivals.svg)\n",
    ]
    if memif:
        times = ", ".join(f"{r['stsd'] / best['best']:.1f} ({r['what']})" for r in memif)
        out.append(
            f"stsd over memif answers so many times as much as {best['rival']}: {times}. That is not like for like: "
            "memif is shared memory, and the kernel's sockets have no part in it.\n"
        )
    return out


def section_afxdp(rows):
    rate = rows[0]["latency_rate"]
    return [
        "## AF_XDP, the fair duel\n",
        f"One end of a veth pair, in turn, asked by kxdpgun; latency open loop at {rate:,}/s.\n",
        table(
            ["server", "answers/s", "over echo", "over Knot DNS", "p50 us", "p99", "p99.9"],
            [
                [r["server"], f"{r['answers_per_s']:,}", f"{r['over_echo']:.3f}", f"{r['over_knot']:.2f}"]
                + [f"{r[p]:.1f}" for p in ("p50_us", "p99_us", "p999_us")]
                for r in rows
            ],
        ),
    ]


def section_restart(rows):
    return [
        "## Start\n",
        "From execve to the first right answer with a policy, all policies loaded, on af_packet.\n",
        table(
            ["policies", "seconds", "of them EAL's"],
            [[count(r["policies"]), f"{r['first_s']:.2f}", f"{r['eal_s']:.2f}"] for r in rows],
        ),
    ]


def section_cold(rows):
    r = rows[0]
    cpu = ", ".join(f"{name} {us:.0f}" for name, us in sorted(r["cpu_us"].items(), key=lambda p: -p[1]) if us >= 0.5)
    return [
        "## Cold domains\n",
        "Domains a second that nobody has asked for before and that have no TXT record, each known when it is answered.\n",
        table(
            ["asked", "upstream", "domains/s", "ratio"],
            [
                ["stsd", "nsd", f"{r['direct']:,.0f}", f"{r['over_rival']:.2f} over postfix-mta-sts-resolver"],
                ["stsd by socketmap", "nsd", f"{r['socketmap']:,.0f}", f"{r['socketmap'] / r['rival']:.2f} over the same"],
                ["postfix-mta-sts-resolver", "nsd", f"{r['rival']:,.0f}", ""],
                ["stsd", "unbound", f"{r['through_unbound']:,.0f}", f"{r['over_unbound']:.2f} over unbound itself"],
                ["unbound, by dnsperf", "nsd", f"{r['unbound']:,.0f}", ""],
            ],
        ),
        f"CPU time of a cold domain, microseconds, nsd upstream: {cpu}. (A worker that polls is never idle.)\n",
    ]


def section_fetch(rows):
    r = rows[0]
    return [
        "## Fetched policies\n",
        f"For a second of CPU time; {r['suite']}, {r['curve']}, full handshakes, another domain each.\n",
        table(
            ["", "a CPU second", "over bare handshakes"],
            [
                ["bare mbedTLS handshakes", f"{r['bare']:.0f}", ""],
                ["policies, the process that fetches", f"{r['fetch']:.0f}", f"{r['ratio']:.2f}"],
                ["policies, all of stsd", f"{r['all']:.0f}", f"{r['ratio_all']:.2f}"],
            ],
        ),
    ]


def section_socketmap(rows):
    return [
        "## socketmap\n",
        "stsd and postfix-mta-sts-resolver, the policies in memory; answers a second.\n",
        table(
            ["connections", "depth", "stsd", "p99 us", "rival", "p99 us", "ratio"],
            [
                [r["connections"], r["depth"], f"{r['stsd']:,}", f"{r['stsd_p99_us']:.0f}"]
                + [f"{r['rival']:,}", f"{r['rival_p99_us']:.0f}", f"{r['ratio']:.1f}"]
                for r in rows
            ],
        ),
    ]


def draw_bars(path, title, unit, bars):
    """Bars from 0, the longest as wide as the picture allows."""
    left, width, step = 190, 340, 26
    longest = max(value for _, value in bars)
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 {60 + step * len(bars)}" '
        'font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="#fff"/>',
        f'<text x="{left}" y="24" font-size="15" fill="#333">{title}, {unit}</text>',
    ]
    for i, (label, value) in enumerate(bars):
        y = 44 + step * i
        colour = COLOURS[1 if label.startswith("stsd") else 4 if label == "echo" else 0]
        out.append(f'<text x="{left - 8}" y="{y + 13}" text-anchor="end" fill="#333">{label}</text>')
        out.append(f'<rect x="{left}" y="{y}" width="{max(1, value / longest * width):.0f}" height="18" fill="{colour}"/>')
        out.append(f'<text x="{left + value / longest * width + 6:.0f}" y="{y + 13}" fill="#333">{value:.2f}</text>')
    out.append("</svg>")
    path.write_text("\n".join(out) + "\n", encoding="utf-8")


def draw_throughput(replay, memif):
    uniform = [(int(r["what"].split("-")[1]), r) for r in memif if r["what"].startswith("uniform")]
    picture = Picture("Throughput of one core", "million answers a second")
    picture.add("memif", [(n, r["stsd"] / 1e6) for n, r in uniform])
    picture.add("echo over memif", [(n, r["echo"] / 1e6) for n, r in uniform])
    picture.add("replayed", [(r["names"], r["quiet"]) for r in replay])
    if picture.lines:
        picture.draw(DOCS / "throughput.svg")
    return ["![Throughput against names](throughput.svg)\n"] if picture.lines else []


def main():
    machine = text_of("machine").splitlines()
    out = ["# Performance\n"]
    out.append("Written by `bench/all.sh` (`make bench`), which measured all of it in one run; `docs/bench.md` tells how.\n")
    out.append("; ".join(machine) + ". Rates move with the machine; compare what was measured side by side.\n")
    replay, memif, rows = lines_of("replay.json"), lines_of("memif.json"), lines_of("table.json")
    if memif:
        out += section_memif(memif)
    if lines_of("latency.json"):
        out += section_latency(lines_of("latency.json"))
    out += draw_throughput(replay, memif)
    if replay:
        out += section_replay(replay)
    if rows:
        out += section_table(rows)
    if text_of("batch"):
        out.append("## Batches\n")
        out.append("Names a second in batches against single questions, in turn, as many names on their way (`bench/batch.sh`):\n")
        out.append("\n".join("    " + line for line in text_of("batch").splitlines()) + "\n")
    if lines_of("rivals.json"):
        out += section_rivals(lines_of("rivals.json"), memif)
    for name, section in (
        ("afxdp", section_afxdp),
        ("restart", section_restart),
        ("cold", section_cold),
        ("fetch", section_fetch),
        ("socketmap", section_socketmap),
    ):
        if lines_of(name + ".json"):
            out += section(lines_of(name + ".json"))
    if text_of("instructions"):
        out.append("## Instructions\n")
        out.append("Counted, not timed; `recorded` is what `bench/instructions.txt` has.\n")
        out.append("\n".join("    " + line if line else "" for line in text_of("instructions").splitlines()) + "\n")
    (DOCS / "performance.md").write_text("\n".join(out).rstrip() + "\n", encoding="utf-8")


main()
