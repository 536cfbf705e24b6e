#!/usr/bin/env python3
"""Has this tree judged by what it did not write.

    scripts/judge.py conformance [--all] [--suite SUITE] [--select GLOB]...
    scripts/judge.py bench [ARGUMENTS OF bench.py]

gevent's and greenlet's own tests, and the benchmarks beside gevent. The judges (folders
`conformance` and `bench`) live outside of this repository, since no code of theirs may come in:
in the folder that JUDGES names, else in `../shared`. This makes a virtual environment in `.cache`
with the real gevent and greenlet, in the versions below, for the interpreter that runs it.
verdigris is taken from `python/`, so it must have been built for that interpreter: `make setup`.
"""

import argparse
import fnmatch
import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
JUDGES = Path(os.environ.get("JUDGES", ROOT.parent / "shared")).resolve()
CACHE = ROOT / ".cache"
MINOR = "{}.{}".format(*sys.version_info)
PACKAGES = (
    "gevent==26.9.0",
    "greenlet==3.5.6",
    "gevent-websocket==0.10.1",
    "flask==3.1.3",
    "gunicorn",
    "objgraph",
    "packaging",
    "psutil",
    "requests",
    "setuptools",
)
# The files of gevent's suite that are about the modules verdigris has. `--all` runs the others as well.
GEVENT_FILES = [
    "test__" + name
    for name in (
        *("greenlet", "event", "queue", "lock", "semaphore", "pool", "local", "timeout", "sleep0"),
        *("hub", "joinall", "iwait", "server", "api", "api_timeout", "core_timer"),
    )
]


def run(*command: object, **environment: str) -> None:
    subprocess.run([str(word) for word in command], check=True, env=os.environ | environment)


def judging_python() -> Path:
    """The interpreter of the environment that has the real gevent; made where it is not there yet."""
    venv = CACHE / f"judge-{MINOR}"
    python = venv / "bin/python"
    stamp = venv / "packages"
    if not stamp.exists() or stamp.read_text() != " ".join(PACKAGES):
        print("making", venv.relative_to(ROOT), flush=True)
        run(sys.executable, "-m", "venv", "--clear", venv)
        run(python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PACKAGES)
        stamp.write_text(" ".join(PACKAGES))
    return python


def gevent_source(python: Path) -> Path:
    """gevent's source archive, unpacked: its example tests run the programs in it."""
    source = CACHE / "gevent-26.9.0"
    if not source.exists():
        options = ("--no-deps", "--no-binary", "gevent", "--disable-pip-version-check")
        run(python, "-m", "pip", "download", "--quiet", *options, "--dest", CACHE, PACKAGES[0])
        run("tar", "-xzf", CACHE / "gevent-26.9.0.tar.gz", "-C", CACHE)
    return source


def conformance(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="judge.py conformance")
    parser.add_argument("--suite", choices=("greenlet", "gevent"), action="append", help="default: both")
    parser.add_argument("--select", metavar="GLOB", action="append", help="file names to run")
    parser.add_argument("--all", action="store_true", help="every file of gevent's suite")
    options = parser.parse_args(arguments)
    python = judging_python()
    for suite in options.suite or ("greenlet", "gevent"):
        whole = suite == "greenlet" or options.all
        judge_suite(python, suite, options.select or (["*"] if whole else GEVENT_FILES))


def judge_suite(python: Path, suite: str, globs: list[str]) -> None:
    """Runs the files that match, and compares each case with what the real gevent does."""
    expected = baseline(python, suite)
    report: dict = {}
    for number, glob in enumerate(globs):
        part = CACHE / f"{suite}-{MINOR}-{number}.json"
        run_suite(python, suite, "verdigris", part, "--select", glob)
        result = json.loads(part.read_text())
        part.unlink()
        report = report or result
        report["files"].update(result["files"])
    ours, base = (CACHE / f"{suite}-{MINOR}.{whose}.json" for whose in ("ours", "base"))
    ours.write_text(json.dumps(report, indent=1))
    expected["python"] = report["python"]  # the patch release does not change what is expected
    expected["files"] = {
        name: file for name, file in expected["files"].items() if any(fnmatch.fnmatch(name, glob) for glob in globs)
    }
    base.write_text(json.dumps(expected))
    run(sys.executable, JUDGES / "conformance/compare.py", base, ours)


def baseline(python: Path, suite: str) -> dict:
    """What the real one does on this Python: the judge has that for some, for others it is found out here, once."""
    known = JUDGES / f"conformance/baselines/{suite}-{MINOR}.json"
    if not known.exists():
        known = CACHE / f"{suite}-{MINOR}.real.json"
    if not known.exists():
        print(f"nothing is known of the real one on Python {MINOR}: running it first", flush=True)
        run_suite(python, suite, "gevent", known, "--with-excluded")
    return json.loads(known.read_text())


def run_suite(python: Path, suite: str, implementation: str, result: Path, *options: str) -> None:
    logs = CACHE / f"logs-{suite}-{MINOR}" / implementation
    source = ("--gevent-src", gevent_source(python)) if suite == "gevent" else ()
    run(
        *(sys.executable, JUDGES / "conformance/run_suite.py", "--python", python, "--impl", implementation),
        *("--suite", suite, "--json", result, "--log-dir", logs, *source, *options),
        PYTHONPATH=str(ROOT / "python") if implementation == "verdigris" else "",
    )


def bench(arguments: list[str]) -> None:
    run(
        *(sys.executable, JUDGES / "bench/bench.py", "--python", judging_python(), *arguments),
        PYTHONPATH=str(ROOT / "python"),
        BENCH_OUT=str(ROOT / "bench-results"),
        BENCH_TARGET=str(CACHE / "loadgen"),
    )


if __name__ == "__main__":
    judges = {"conformance": conformance, "bench": bench}
    if len(sys.argv) < 2 or sys.argv[1] not in judges:
        sys.exit(__doc__)
    if not (JUDGES / sys.argv[1]).is_dir():
        sys.exit(f"no {sys.argv[1]} in {JUDGES}: say where the judges are with JUDGES=folder")
    CACHE.mkdir(exist_ok=True)
    try:
        judges[sys.argv[1]](sys.argv[2:])
    except subprocess.CalledProcessError as failure:
        sys.exit(failure.returncode)
