"""The cluster files: they are well formed, and the command in each one works."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from tests.support import jobs

LAUNCH = jobs.ROOT / "launch"
FILES = ("slurm.sbatch", "tpu_pod.sh", "jobset.yaml")
SCRIPTS = FILES[:2]
WANTED = ("--config=configs/pretrain.py", "--workdir=runs/x y")


def code_of(name: str) -> str:
    """A file without its comments."""
    lines = (LAUNCH / name).read_text().splitlines()
    return "\n".join(line for line in lines if not line.startswith("#"))


def containers() -> list[dict]:
    (jobset,) = (part for part in documents() if part["kind"] == "JobSet")
    (job,) = jobset["spec"]["replicatedJobs"]
    return job["template"]["spec"]["template"]["spec"]["containers"]


def documents() -> list[dict]:
    return list(yaml.safe_load_all((LAUNCH / "jobset.yaml").read_text()))


def commands_in_readme() -> list[list[str]]:
    text = (LAUNCH / "README.md").read_text().replace("\\\n", " ")
    blocks = re.findall(r"^ *```\n(.*?)```", text, re.S | re.M)
    lines = [line.strip() for block in blocks for line in block.splitlines()]
    return [shlex.split(x) for x in lines if x.startswith("python -m strokejax.launch")]


@pytest.mark.parametrize("name", SCRIPTS)
def test_scripts_parse(name):
    subprocess.run(["bash", "-n", LAUNCH / name], check=True)


@pytest.mark.parametrize("name", FILES)
def test_readme_explains_each_file(name):
    text = (LAUNCH / "README.md").read_text()
    assert f"| `{name}` |" in text
    section = text.split(f": `{name}`\n")[1].split("\n## ")[0]
    for words in ("To change:", "Before", "To resume:"):
        assert words in section
    assert "--config=configs/pretrain.py" in text


def test_nothing_else_lies_there():
    assert {p.name for p in LAUNCH.iterdir()} == {*FILES, "README.md", "serve"}


def test_jobset_is_complete():
    (container,) = containers()
    assert [part["kind"] for part in documents()] == [
        "JobSet",
        "ServiceAccount",
        "Role",
        "RoleBinding",
    ]
    assert container["command"][:3] == ["python", "-m", "strokejax.launch"]
    mount = container["volumeMounts"][0]["mountPath"]
    (workdir,) = (x for x in container["command"] if x.startswith("--workdir="))
    assert workdir.startswith(f"--workdir={mount}/")


@pytest.fixture
def caught(tmp_path, shared_cache):
    """Runs a script where programs of the cluster only write down their arguments."""

    def run(name: str, exit_code: int = 0) -> tuple[int, dict[str, list[str]]]:
        programs = tmp_path / "bin"
        (tmp_path / ".venv/bin").mkdir(parents=True, exist_ok=True)
        (tmp_path / ".venv/bin/activate").touch()
        programs.mkdir(exist_ok=True)
        for program, code in (("srun", exit_code), ("scontrol", 0), ("gcloud", 0)):
            path = programs / program
            path.write_text(
                f'#!/bin/bash\nprintf "%s\\0" "$@" > {tmp_path}/{program}.said\n'
                f"exit {code}\n"
            )
            path.chmod(0o755)
        done = subprocess.run(
            ["bash", LAUNCH / name, *WANTED],
            env={
                "PATH": f"{programs}:{Path(shutil.which('bash')).parent}",
                "SLURM_SUBMIT_DIR": str(tmp_path),
                "SLURM_JOB_ID": "17",
                "TPU": "pod",
                "ZONE": "zone",
            },
            capture_output=True,
        )
        said = {
            path.stem: path.read_text().split("\0")[:-1]
            for path in tmp_path.glob("*.said")
        }
        return done.returncode, said

    return run


def test_slurm_runs_the_command(caught):
    code, said = caught("slurm.sbatch")
    assert code == 0
    start = said["srun"].index("python")
    assert said["srun"][start:] == [
        *("python", "-m", "strokejax.launch", "--distributed"),
        *WANTED,
    ]
    assert "scontrol" not in said


@pytest.mark.parametrize(("code", "again"), [(143, True), (2, False), (1, False)])
def test_slurm_queues_up_only_when_stopped(caught, code, again):
    found, said = caught("slurm.sbatch", code)
    assert found == code
    assert said.get("scontrol") == (["requeue", "17"] if again else None)


def test_tpu_hosts_run_the_command(caught):
    code, said = caught("tpu_pod.sh")
    assert code == 0
    assert "--worker=all" in said["gcloud"]
    (remote,) = (x for x in said["gcloud"] if x.startswith("--command="))
    words = shlex.split(remote.removeprefix("--command="))
    start = words.index("-m")
    assert words[start:] == ["-m", "strokejax.launch", "--distributed", *WANTED]


def test_the_launcher_knows_every_argument(shared_cache):
    (container,) = containers()
    given = [container["command"], *commands_in_readme()]
    assert len(given) >= 3
    for command in given:
        # One value out of range: all else was understood, and nothing is started.
        arguments = [*command[3:], "--config.loop.epochs=0"]
        _, err = jobs.run(shared_cache, *arguments, code=2)
        assert err.startswith("strokejax: config.loop.epochs is 0"), command


def test_help_names_every_flag(shared_cache):
    process = jobs.start(shared_cache, "--help")
    out, _ = jobs.finish(process)
    assert process.returncode == 0
    known = set(re.findall(r"^  --(?:\[no\])?([a-z_.]+)", out, re.M))
    used = set()
    for name in FILES:
        _, _, after = code_of(name).partition("strokejax.launch")
        used |= set(re.findall(r"--([a-z_.]+)", after))
    for command in commands_in_readme():
        used |= {word[2:].partition("=")[0] for word in command[3:]}
    assert used <= known
    assert "config.optim.learning_rate" in known
