"""After the end of a run nothing of it is left, whatever its processes do to stay."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time

from guardrun.supervising.process_tree import Identity, alive, identify, send_signal
from waiting import wait_for

STUBBORN = "import signal, time; [signal.signal(n, signal.SIG_IGN) for n in (1, 2, 15)]; time.sleep(600)"


def console_pids(run, count):
    def found():
        text = run.paths.console.read_text() if run.paths.console.exists() else ""
        pids = re.findall(r"pid (\d+)\n", text)
        return [int(pid) for pid in pids] if len(pids) == count else None

    return wait_for(found)


def test_children_that_ignore_sigterm_and_grandchildren_go_with_the_trainer(run, is_gone):
    run.script(
        f"""
        import subprocess, sys
        child = subprocess.Popen([sys.executable, "-c", {STUBBORN!r}])
        print("pid", child.pid, flush=True)
        code = "import subprocess, sys;"
        code += "p = subprocess.Popen([sys.executable, '-c', " + repr({STUBBORN!r}) + "]);"
        code += "print('pid', p.pid, flush=True)"
        subprocess.run([sys.executable, "-c", code])
        """
    )
    assert run.supervise().wait(30) == 0
    pids = console_pids(run, 2)
    assert all(is_gone(pid) for pid in pids)
    assert not any(os.path.exists(f"/proc/{pid}") for pid in pids)


def test_a_daemon_that_forked_twice_and_left_the_session_goes_too(run, is_gone):
    """setsid and a second fork take it out of the tree and the session; the subreaper finds it anyway."""
    run.script(
        f"""
        import os, sys
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                print("pid", os.getpid(), flush=True)
                os.execve(sys.executable, [sys.executable, "-c", {STUBBORN!r}], {{}})
            os._exit(0)
        os.wait()
        import time
        time.sleep(0.5)
        """
    )
    assert run.supervise().wait(30) == 0
    (pid,) = console_pids(run, 1)
    assert is_gone(pid)


def test_a_forced_stop_takes_the_whole_tree(run, is_gone):
    run.script(
        f"""
        import subprocess, sys
        for _ in range(3):
            child = subprocess.Popen([sys.executable, "-c", {STUBBORN!r}], start_new_session=True)
            print("pid", child.pid, flush=True)
        {STUBBORN}
        """
    )
    supervisor = run.supervise()
    pids = console_pids(run, 3)
    run.stop(grace=0.1)
    assert supervisor.wait(30) == 5
    assert all(is_gone(pid) for pid in pids)
    assert is_gone(run.training_pid())


def test_zombies_of_the_tree_are_reaped_while_it_runs(run):
    """Orphans come to the supervisor; it must not collect a table of the dead over a week of training."""
    run.script(
        """
        import os, time
        for _ in range(20):
            if os.fork() == 0:
                if os.fork() == 0:
                    os._exit(0)
                os._exit(0)
            os.wait()
        print("pid", os.getpid(), flush=True)
        time.sleep(60)
        """
    )
    supervisor = run.supervise()
    (pid,) = console_pids(run, 1)

    def zombies():
        listed = subprocess.run(
            ["ps", "--ppid", str(supervisor.pid), "-o", "stat="], capture_output=True, text=True, check=False
        )
        return [line for line in listed.stdout.split() if line.startswith("Z")]

    wait_for(lambda: not zombies())
    os.kill(pid, signal.SIGKILL)
    supervisor.wait(30)


def test_a_signal_never_reaches_a_process_that_only_has_the_same_pid():
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        real = wait_for(lambda: identify(child.pid))
        stranger = Identity(real.pid, real.start - 1)
        assert not alive(stranger)
        assert not send_signal(stranger, signal.SIGKILL)
        time.sleep(0.05)
        assert child.poll() is None
        assert send_signal(real, signal.SIGTERM)
        assert child.wait(10) == -signal.SIGTERM
        assert not send_signal(real, signal.SIGTERM)
    finally:
        child.kill()
        child.wait()


def test_the_supervisors_end_does_not_end_the_training(run, is_gone):
    run.trainer("steps=100000")
    supervisor = run.supervise()
    pid = run.training_pid()
    supervisor.kill()
    supervisor.wait()
    before = run.steps()
    wait_for(lambda: run.steps() > before + 5)
    assert not is_gone(pid)
