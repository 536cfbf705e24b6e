"""`verdigris run` and `python -m verdigris`, as a user starts them."""

import os
import shutil
import sys
from pathlib import Path

import pytest

from programs import python, run
from verdigris import _cli

VERDIGRIS = (sys.executable, "-c", "import sys; from verdigris._cli import main; sys.exit(main())")
SHOW = "import gevent, verdigris; print(gevent is verdigris)"


def test_run_reaches_the_process():
    result = run(*VERDIGRIS, "run", sys.executable, "-c", SHOW)
    assert (result.stdout, result.stderr, result.returncode) == ("True\n", "", 0)


def test_run_reaches_children_and_their_children():
    middle = "import subprocess, sys; sys.exit(subprocess.call([sys.executable, *sys.argv[1:]]))"
    result = run(*VERDIGRIS, "run", sys.executable, "-c", middle, "-c", middle, "-c", SHOW)
    assert result.stdout == "True\n", result.stderr


def test_run_finds_the_python_of_its_own_virtual_environment():
    if sys.prefix == sys.base_prefix:
        pytest.skip("not in a virtual environment")
    result = run(*VERDIGRIS, "run", "python", "-c", "import sys; print(sys.prefix)", env={"PATH": "/usr/bin:/bin"})
    assert result.stdout.strip() == sys.prefix


def test_run_keeps_the_status_and_the_arguments():
    code = "import sys; print(sys.argv[1:]); sys.exit(3)"
    result = run(*VERDIGRIS, "run", sys.executable, "-c", code, "--help", "a b")
    assert (result.stdout, result.returncode) == ("['--help', 'a b']\n", 3)


def test_run_keeps_the_users_sitecustomize(tmp_path):
    (tmp_path / "sitecustomize.py").write_text('import sys; sys.customized = sys.modules.get("gevent")\n')
    code = "import sys, verdigris, sitecustomize; print(sys.customized is verdigris)"
    result = run(
        *VERDIGRIS,
        "run",
        sys.executable,
        "-c",
        code + "; print(sitecustomize.__file__)",
        env={"PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])},
    )
    assert result.stdout.split() == ["True", str(tmp_path / "sitecustomize.py")], result.stderr


def test_an_error_in_the_users_sitecustomize_is_not_hidden(tmp_path):
    (tmp_path / "sitecustomize.py").write_text("import no_such_module\n")
    result = run(
        *VERDIGRIS, "run", sys.executable, "-c", SHOW, env={"PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])}
    )
    assert "no_such_module" in result.stderr
    assert result.stdout == "True\n"


def test_a_python_without_verdigris_refuses_gevent_and_says_why(tmp_path):
    bootstrap = shutil.copytree(Path(_cli.__file__).parent / "bootstrap", tmp_path / "bootstrap")
    code = 'try: import gevent\nexcept ImportError as e: print("refused:", e)'
    result = run(sys._base_executable, "-c", code, env={"PYTHONPATH": str(bootstrap)})
    assert result.stdout.startswith("refused: "), result.stdout + result.stderr
    assert "install verdigris in it" in result.stdout


def test_run_complains_clearly(tmp_path):
    script = tmp_path / "app.py"
    script.write_text("")
    for command, status, words in (
        ([], 2, "which command"),
        (["no-such-command-here"], 127, "command not found: no-such-command-here"),
        ([script], 126, f"verdigris run python {script}"),
        ([tmp_path], 126, str(tmp_path)),
    ):
        result = run(*VERDIGRIS, "run", *command)
        assert (result.returncode, result.stdout) == (status, ""), command
        assert result.stderr.startswith("verdigris: run: ") and words in result.stderr
        assert result.stderr.count("\n") == 1


def test_an_unknown_command_gets_a_suggestion():
    result = run(*VERDIGRIS, "gunicorn", "app:app")
    assert result.returncode == 2
    assert "verdigris run gunicorn app:app" in result.stderr


def test_help_and_version():
    assert run(*VERDIGRIS, "--help").stdout.startswith("usage: verdigris run COMMAND")
    assert python("-m", "verdigris", "--help").stdout.startswith("usage: verdigris run COMMAND")
    assert run(*VERDIGRIS, "--version").stdout.startswith("verdigris 26.11.0 (CPython 3.")
    assert run(*VERDIGRIS).returncode == 2


def test_python_m_runs_a_script(tmp_path):
    (tmp_path / "beside.py").write_text("here = True\n")
    script = tmp_path / "app.py"
    script.write_text(f"import sys, beside\n{SHOW}\nprint(__name__, sys.argv[1:], __file__)\n")
    result = python("-m", "verdigris", script, "-m", "x")
    assert result.stdout == f"True\n__main__ ['-m', 'x'] {script}\n", result.stderr


def test_python_m_runs_a_module_and_code(tmp_path):
    (tmp_path / "app.py").write_text(f"import sys\n{SHOW}\nprint(__name__, sys.argv[1:])\n")
    result = python("-m", "verdigris", "-m", "app", "-x", cwd=tmp_path, env={"PYTHONPATH": os.pathsep.join(sys.path)})
    assert result.stdout == "True\n__main__ ['-x']\n", result.stderr
    result = python("-m", "verdigris", "-c", SHOW + "; import sys; print(sys.argv)", "a")
    assert result.stdout == "True\n['-c', 'a']\n", result.stderr


def test_python_m_reaches_children(tmp_path):
    script = tmp_path / "app.py"
    script.write_text(f'import subprocess, sys\nsubprocess.call([sys.executable, "-c", {SHOW!r}])\n')
    assert python("-m", "verdigris", script).stdout == "True\n"


def test_python_m_complains_clearly():
    for arguments, words in (
        (["no/such/script.py"], "no such script: no/such/script.py"),
        (["-m"], "-m needs an argument"),
        (["-x"], "no such option: -x"),
    ):
        result = python("-m", "verdigris", *arguments)
        assert result.returncode == 2
        assert result.stderr == f"verdigris: {words}\n"
