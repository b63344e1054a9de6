"""Secrets reach the training and nothing that is written down."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guard_process import guard
from guardrun.provenance.secrets import (
    Secrets,
    hidden_keys,
    is_secret,
    reveal,
    without_named,
    without_secrets,
)
from toy_project import git

TOKEN = "hf_abcdefghijklmnopqrstuvwxyz012345"
PLANTED = {
    "variable": "planted-variable-1", "params": "planted-params-22", "env": "planted-env-333",
    "argument": "planted-argument-4", "remote": "planted-remote-5", "override": "planted-override-6",
    "token": TOKEN, "source": "ghp_0123456789abcdefghijklmnopqrstuvwxyz", "number": "86420975",
    "short": "q7x9",
}  # fmt: skip
TRAIN = """
import os, sys
import guardrun

with guardrun.start() as run:
    run.log(loss=1.0)
    told = [run.params.api_key, run.params.nested.password, os.environ["SERVICE_TOKEN"], *sys.argv[2:4]]
    print("heard", sorted(map(len, told)))
    print("account", run.params.account.passcode + 0, len(run.params.account.password), sys.argv[5])
"""


def everything_below(run: Path) -> str:
    return "\n".join(
        path.read_bytes().decode("utf-8", "replace") for path in sorted(run.rglob("*")) if path.is_file()
    )


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "toy"
    folder.mkdir()
    (folder / "train.py").write_text(TRAIN)
    (folder / "model.py").write_text("K = 1\n")
    git(folder, "init", "-q", "-b", "trunk")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "first")
    git(folder, "remote", "add", "origin", f"https://me:{PLANTED['remote']}@example.org/toy.git")
    (folder / "model.py").write_text(f"K = '{PLANTED['source']}'\n")
    (folder / "config.yaml").write_text(
        "entry: train.py\nparams:\n  api_key: {params}\n  nested: {{password: x}}\n  note: 'use {token}'\n"
        "  account: {{passcode: {number}, password: {short}}}\n"
        "env: {{SERVICE_TOKEN: {env}}}\n"
        "args: [--api-key, {argument}, '${{params.api_key}}', --passcode, {number}]\n".format(**PLANTED)
    )
    return folder


def test_planted_secrets_reach_the_training_and_no_file_of_the_run(project: Path) -> None:
    done = guard(
        "run", "config.yaml", f"params.nested.password={PLANTED['override']}", cwd=project,
        AWS_SECRET_ACCESS_KEY=PLANTED["variable"], NCCL_AUTH_TOKEN=PLANTED["variable"],
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr
    lengths = sorted(len(PLANTED[name]) for name in ("params", "override", "env", "argument", "params"))
    assert f"heard {lengths}" in done.stdout
    assert f"account {PLANTED['number']} 4 {PLANTED['number']}" in done.stdout, "the number stays a number"
    (run,) = (project / "runs").iterdir()
    (run / "console.log").unlink()  # what the training itself prints is its own
    recorded = everything_below(run)
    assert [name for name, secret in PLANTED.items() if secret in recorded] == []
    launch = json.loads((run / "attempts/1.json").read_text())
    assert launch["config"]["params"]["api_key"].startswith("<secret ")
    assert launch["git"]["remote"] == "https://me:<secret>@example.org/toy.git"
    assert "<secret" in (run / "git.diff").read_text()
    assert (run / "untracked/config.yaml").exists()


def test_a_script_that_runs_alone_records_no_secret_either(project: Path) -> None:
    (project / "alone.py").write_text(
        "import guardrun\n"
        f"with guardrun.start(config={{'api_key': {PLANTED['params']!r}, 'lr': 1}}) as run:\n"
        "    run.log(loss=1.0)\n    print('heard', run.params.api_key)\n"
    )
    done = subprocess.run(
        [sys.executable, "alone.py", "--password", PLANTED["argument"]], cwd=project, capture_output=True,
        text=True, check=True,
    )  # fmt: skip
    assert f"heard {PLANTED['params']}" in done.stdout
    (run,) = (project / "runs").iterdir()
    assert "<secret 1>" in (run / "untracked/alone.py").read_text(), "the copy of the script is scrubbed"
    recorded = everything_below(run)
    assert [name for name in ("params", "argument") if PLANTED[name] in recorded] == []


def test_a_foreign_command_gets_its_secret_and_a_repeat_must_be_given_it_again(project: Path) -> None:
    (project / "fit.py").write_text("import sys\nprint('got', len(sys.argv[2]), sys.argv[4])\n")
    done = guard("run", "--", "python", "fit.py", "--token", PLANTED["token"], "--seed", "1", cwd=project)
    assert f"got {len(TOKEN)} 1" in done.stdout, done.stdout + done.stderr
    (run,) = (project / "runs").iterdir()
    assert TOKEN not in everything_below(run)

    refused = guard("repeat", "fit", "--seeds", "2", cwd=project)
    assert refused.returncode == 2
    assert "command[3]" in refused.stderr

    again = guard("repeat", "fit", "--seeds", "2", f"command[3]={TOKEN}", cwd=project)
    assert again.returncode == 0, again.stderr
    newest = max((project / "runs").iterdir(), key=lambda path: path.stat().st_ctime)
    assert f"got {len(TOKEN)} 2" in (newest / "console.log").read_text()
    assert TOKEN not in everything_below(newest)


NAMED = [
    "api_key", "params.apiKey", "OPENAI_API_KEY", "password", "--db-password", "hf_token", "clientSecret",
    "secrets", "aws_secret_access_key", "sentry_dsn", "authorization",
]  # fmt: skip
HARMLESS = {
    "max_tokens": "123456789012", "mask": "<|endoftext|>", "eos_token": "</s>", "token": "short",
    "pad_token": 50256,
    "tokenizer": "gpt2-large-uncased", "key": "abcdefgh", "sort_key": "abcdefgh", "author": "Somebody Else",
    "num_tokens": 4096, "monkey": "abcdefgh", "keyword": "abcdefgh", "api_key": "<secret 1>",
    "password": "${oc.env:PASSWORD}", "mask_token": "[MASK] is a text", "secret": "", "client_secret": None,
}  # fmt: skip
SHAPES = [
    TOKEN, "sk-abcdefghijklmnopqrstuvwx", "AKIAABCDEFGHIJKLMNOP", "postgres://me:hunter22@db/x",
    "https://example.org/f?sig=abc%3D&x=1", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abcdefghijk",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMED)
def test_names_that_make_a_secret(name: str) -> None:
    assert is_secret(name, "abcdefghijkl")


@pytest.mark.parametrize("name", HARMLESS)
def test_settings_that_only_sound_like_one(name: str) -> None:
    assert not is_secret(name, HARMLESS[name])


@pytest.mark.parametrize("text", SHAPES)
def test_shapes_that_make_a_secret_whatever_they_are_called(text: str) -> None:
    assert without_secrets(f"before {text} after") != f"before {text} after"


def test_plain_addresses_stay_as_they_are() -> None:
    for text in (
        "https://github.com/me/toy.git",
        "git@github.com:me/toy.git",
        "s3://bucket/path?part=1",
        "a=b",
    ):
        assert without_secrets(text) == text


def test_a_password_of_one_letter_is_hidden_where_it_stands_and_nowhere_else() -> None:
    secrets = Secrets()
    secrets.look_into(["--db=postgres://me:a@host/data", "save it at a place"])

    hidden = secrets.hide(["--db=postgres://me:a@host/data", "save it at a place"])

    assert hidden == ["--db=postgres://me:<secret 1>@host/data", "save it at a place"]
    assert secrets.hide_bytes(b"x = 'postgres://me:a@host'") == b"x = 'postgres://me:<secret 1>@host'"


@pytest.mark.parametrize(
    ("words", "recorded"),
    [
        (["--api-key", "12345678"], ["--api-key", "<secret 1>"]),
        (["--password", "1234", "--epochs=1234"], ["--password", "<secret 1>", "--epochs=1234"]),
        (["PASSWORD=1", "--workers", "1"], ["PASSWORD=<secret 1>", "--workers", "1"]),
        (["--password", 1234, 1234], ["--password", "<secret 1>", 1234]),
        (["bash", "-c", "train --password 1234 --steps 1234 PWD=99 x"],
         ["bash", "-c", "train --password <secret 2> --steps 1234 PWD=<secret 1> x"]),
        (["https://user:pw@host/pw"], ["https://user:<secret 1>@host/pw"]),
    ],
)  # fmt: skip
def test_short_ones_and_numbers_are_hidden_behind_their_names_alone(words: list, recorded: list) -> None:
    secrets = Secrets()
    secrets.look_into(words)

    assert secrets.hide(words) == recorded


def test_a_number_is_hidden_in_copies_of_files_too() -> None:
    secrets = Secrets()
    secrets.look_into({"db": {"password": 1234}, "steps": 1234})

    assert secrets.hide_bytes(b"steps: 1234\ndb: {password: 1234}\n") == (
        b"steps: 1234\ndb: {password: <secret 1>}\n"
    )
    assert without_named(b"PASSWORD = 01234\nsteps = 1234\n") == b"PASSWORD = <secret>\nsteps = 1234\n"


NAMES = st.sampled_from(["password", "api_key", "--db-password", "CLIENT_SECRET", "params.apiKey"])
SECRETS = st.one_of(st.integers(0, 10**12), st.text("abcxyz0123456789", min_size=1, max_size=12))


@given(NAMES, SECRETS, st.lists(st.sampled_from(["--lr", "steps=", "0.5", "run it"]), max_size=3))
def test_no_secret_behind_its_name_is_recorded_however_short(
    name: str, secret: str | int, rest: list[str]
) -> None:
    for written in ({name: secret}, {"args": [name.lower(), secret]}, [f"{name}={secret}", *rest]):
        secrets = Secrets()
        secrets.look_into(written)
        hidden = secrets.hide(written)
        if not (isinstance(written, dict) and "args" in written and not name.startswith("-")):
            assert "<secret 1>" in json.dumps(hidden)
            assert secrets.known == {"<secret 1>": str(secret) if isinstance(written, list) else secret}
        assert reveal(hidden, json.loads(json.dumps(secrets.known))) == written


KEYS = st.sampled_from(["lr", "api_key", "password", "note", "token"])
VALUES = st.one_of(st.integers(), st.text(max_size=20), st.sampled_from(["abcdefgh", "ijklmnopqrstuv"]))
TREES = st.recursive(
    VALUES, lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=4))
)


@given(TREES)
def test_what_is_hidden_comes_back_whole(value: object) -> None:
    secrets = Secrets()
    secrets.look_into(value)
    known = json.loads(secrets.variables().get("GUARDRUN_SECRETS", "{}"))
    hidden = secrets.hide(value)
    if not any(place in json.dumps(value) for place in known):
        assert reveal(hidden, known) == value
    assert bool(hidden_keys(hidden)) or not known or "<secret" in json.dumps(value)


def test_a_literal_that_is_a_secret_by_its_name_stays_out_of_copies_of_sources() -> None:
    source = b"""PASSWORD = "correct horse"
db_password: str = 'hunter22hunter'
login(api_key="0123456789", user="somebody")
settings["client_secret"] = "abcdef"
{"access_key": "uvwxyz", "user": "somebody"}
password = read_password("password.txt")
pad_token = "<pad>"
seed_key = "something"
"""
    assert without_named(source).decode().splitlines() == [
        'PASSWORD = "<secret>"', "db_password: str = '<secret>'",
        'login(api_key="<secret>", user="somebody")', 'settings["client_secret"] = "<secret>"',
        '{"access_key": "<secret>", "user": "somebody"}', 'password = read_password("password.txt")',
        'pad_token = "<pad>"', 'seed_key = "something"',
    ]  # fmt: skip


def test_a_diff_loses_the_secrets_that_it_adds_and_still_applies() -> None:
    diff = b' password = "old context"\n-password = "removed"\n+password = "added one"\n+x = 1\n'
    assert without_named(diff, diff=True) == (
        b' password = "old context"\n-password = "removed"\n+password = "<secret>"\n+x = 1\n'
    )
