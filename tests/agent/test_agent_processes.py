"""What an agent does with its processes."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.agent.conftest import Message, RealAgent, marked

Shell = Callable[..., Message]
SAY_READY = """echo '{"port": 7}' >&$CLOUDCLUSTERS_READY_FD; """


def is_alive(os_pid: int) -> bool:
    """Whether this process lives."""
    try:
        return Path(f"/proc/{os_pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


def is_exited(process: Message) -> bool:
    """Its end was seen."""
    return process["state"] in ("exited", "failed")


def test_process_becomes_ready_with_what_it_said(agent: RealAgent, shell: Shell) -> None:
    """The JSON object on the ready pipe is passed on."""
    agent.talk().call("start", processes=[shell(SAY_READY + "exec sleep 60")])
    assert agent.until("p", lambda p: p["state"] == "ready")["ready"] == {"port": 7}


def test_ready_may_be_a_plain_text(agent: RealAgent, shell: Shell) -> None:
    """Shells need not write JSON."""
    agent.talk().call("start", processes=[shell("echo here >&3; exec sleep 60")])
    assert agent.until("p", lambda p: p["state"] == "ready")["ready"] == "here"


def test_life_and_directory_are_filled_in(agent: RealAgent, shell: Shell) -> None:
    """In the command and in the environment."""
    agent.talk().call("start", processes=[shell("echo {life} $WHERE; exec sleep 60", env={"WHERE": "{directory}"})])
    life = agent.talk().call("list")["processes"][0]["life"]
    talk = agent.talk()
    talk.send("log", name="p", follow=True)
    assert talk.line()["event"]["text"] == f"{life} {agent.folder}\n"


def test_process_that_runs_as_asked_is_left_alone(agent: RealAgent, shell: Shell) -> None:
    """Sending a layout again harms nothing."""
    first = agent.talk().call("start", processes=[shell("exec sleep 60")])
    assert agent.talk().call("start", processes=[shell("exec sleep 60")]) == first


def test_process_with_another_specification_is_replaced(agent: RealAgent, shell: Shell) -> None:
    """The answer comes when the new one runs and the old one is gone."""
    old = agent.talk().call("start", processes=[shell("exec sleep 60")])["processes"][0]
    new = agent.talk().call("start", processes=[shell("exec sleep 61")])["processes"][0]
    assert new["life"] != old["life"]
    assert new["state"] == "starting"
    assert not is_alive(old["os_pid"])


def test_ended_process_is_restarted_with_a_new_life(agent: RealAgent, shell: Shell) -> None:
    """However it ended; the exit of the old life stays visible."""
    old = agent.talk().call("start", processes=[shell("exec sleep 60")])["processes"][0]
    os.kill(old["os_pid"], signal.SIGKILL)
    new = agent.until("p", lambda p: p["state"] == "starting" and p["life"] != old["life"])
    assert new["restarts"] == 1
    assert new["exit"] == {"code": None, "signal": "SIGKILL", "reason": "signal", "text": ""}


def test_process_that_always_ends_fails(agent: RealAgent, shell: Shell) -> None:
    """After as many restarts as allowed within the time."""
    agent.talk().call("start", processes=[shell("echo no; exit 3", restarts=2, within=60)])
    failed = agent.until("p", lambda p: p["state"] == "failed")
    assert (failed["restarts"], failed["exit"]["code"]) == (2, 3)


def test_failed_process_starts_afresh_when_asked_again(agent: RealAgent, shell: Shell) -> None:
    """Its restarts are counted anew."""
    spec = shell("test -e go && exec sleep 60", restarts=0)
    agent.talk().call("start", processes=[spec])
    agent.until("p", lambda p: p["state"] == "failed")
    agent.talk().call("write", files=[{"path": "go", "text": ""}])
    assert agent.talk().call("start", processes=[spec])["processes"][0]["state"] == "starting"


def test_process_that_is_done_is_not_a_failure(agent: RealAgent, shell: Shell) -> None:
    """Without restarts, an exit with 0 is the end that was wished."""
    agent.talk().call("start", processes=[shell("exit 0", restarts=0)])
    assert agent.until("p", is_exited)["state"] == "exited"


def test_program_that_is_not_there_fails_at_once(agent: RealAgent) -> None:
    """And says so in its log and its exit."""
    answer = agent.talk().call("start", processes=[{"name": "p", "argv": ["no-such-program"]}])
    assert answer["processes"][0]["state"] == "failed"
    assert answer["processes"][0]["exit"]["reason"] == "not-started"
    assert "no-such-program" in agent.log()


def test_memory_limit_kills(agent: RealAgent) -> None:
    """The whole session is measured, and log and exit say why it died."""
    child = "import time; x = b'x' * (200 << 20); time.sleep(60)"
    hungry = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    argv = [sys.executable, "-c", hungry]
    agent.talk().call("start", processes=[{"name": "p", "argv": argv, "memory_bytes": 100 << 20, "restarts": 0}])
    assert agent.until("p", is_exited)["exit"]["reason"] == "memory"
    assert "over its limit of 104857600 bytes" in agent.log()


def test_memory_below_the_limit_is_fine(agent: RealAgent, shell: Shell) -> None:
    """And is told."""
    agent.talk().call("start", processes=[shell("exec sleep 60", memory_bytes=1 << 30)])
    assert 0 < agent.talk().call("list")["processes"][0]["rss_bytes"] < 1 << 30


@pytest.mark.slow
def test_what_stands_still_is_started_again(agent: RealAgent, shell: Shell) -> None:
    """A process that was stopped by a signal for long; one that was continued in time goes on."""
    agent.talk().call("start", processes=[shell("exec sleep 60", name=name) for name in ("still", "brief")])
    still, brief = (agent.until(name, lambda p: p["os_pid"]) for name in ("still", "brief"))
    for process in (still, brief):
        os.kill(process["os_pid"], signal.SIGSTOP)
    time.sleep(3)
    os.kill(brief["os_pid"], signal.SIGCONT)
    again = agent.until("still", lambda p: p["life"] != still["life"])
    assert again["exit"]["reason"] == "hung"
    assert "it was stopped by a signal for" in agent.log("still", life=still["life"])
    assert [p["life"] for p in agent.talk().call("list")["processes"] if p["name"] == "brief"] == [brief["life"]]


def test_stop_takes_grandchildren_along(agent: RealAgent, shell: Shell) -> None:
    """Those that left the process group, too."""
    agent.talk().call("start", processes=[shell("sleep 60 & setsid sleep 60 & " + SAY_READY + "wait")])
    agent.until("p", lambda p: p["state"] == "ready")
    agent.talk().call("stop", names=None, grace=5)
    assert marked(agent.instance) == []


def test_stop_kills_what_does_not_listen(agent: RealAgent, shell: Shell) -> None:
    """After the grace, and answers when it is gone."""
    agent.talk().call("start", processes=[shell("trap '' TERM; " + SAY_READY + "while :; do sleep 1; done")])
    agent.until("p", lambda p: p["state"] == "ready")
    agent.talk().call("stop", names=["p"], grace=0.2)
    assert marked(agent.instance) == []
    assert agent.talk().call("list")["processes"][0]["exit"]["signal"] == "SIGKILL"


def test_stop_lets_a_process_end_by_itself(agent: RealAgent, shell: Shell) -> None:
    """It is asked first, and the answer does not wait for the grace to pass."""
    agent.talk().call("start", processes=[shell("trap 'exit 7' TERM; " + SAY_READY + "while :; do sleep 1; done")])
    agent.until("p", lambda p: p["state"] == "ready")
    agent.talk().call("stop", names=["p"], grace=3600)
    said = agent.talk().call("list")["processes"][0]["exit"]
    assert said == {"code": 7, "signal": None, "reason": "stopped", "text": ""}


def test_stop_of_unknown_names_is_done_already(agent: RealAgent) -> None:
    """A stop may be repeated."""
    assert agent.talk().call("stop", names=["nobody"], grace=1) == {}


def test_stopped_process_is_not_restarted(agent: RealAgent, shell: Shell) -> None:
    """Not even one that was about to be."""
    agent.talk().call("start", processes=[shell("exit 1", restarts=5)])
    agent.until("p", lambda p: p["state"] == "exited")
    agent.talk().call("stop", names=None)
    assert agent.talk().call("list")["processes"][0]["state"] == "stopped"


def test_end_of_a_life_takes_what_it_left_along(agent: RealAgent, shell: Shell) -> None:
    """A restart does not find ports and memory taken by its predecessor's children."""
    agent.talk().call("start", processes=[shell("sleep 60 & exit 1", restarts=0)])
    agent.until("p", is_exited)
    assert marked(agent.instance) == []


def test_only_so_many_logs_are_kept(agent: RealAgent, shell: Shell) -> None:
    """Those of the latest lives."""
    for number in range(12):
        agent.talk().call("start", processes=[shell(f"echo {number}", restarts=0)])
        agent.until("p", is_exited)
    assert len(agent.talk().call("logs")["files"]) == 8
    assert agent.log() == "11\n"


def test_programs_run_where_they_are_told_to(agent: RealAgent, shell: Shell) -> None:
    """Below the node's directory, made when it is not there; the logs stay where they are."""
    talk = agent.talk()
    talk.call("start", processes=[shell("pwd; exec sleep 60", cwd="inside/here")])
    code, events = talk.ask("run", argv=["pwd"], cwd="inside/there")

    assert code["ok"] == {"code": 0}
    assert events == [{"fd": 1, "text": f"{agent.folder}/inside/there\n"}]
    while not agent.log():
        os.sched_yield()
    assert agent.log() == f"{agent.folder}/inside/here\n"
    assert (agent.folder / "logs").is_dir()


def test_login_directory_is_written_with_a_tilde(agent: RealAgent) -> None:
    """As in a shell."""
    assert agent.talk().ask("run", argv=["pwd"], cwd="~/")[1][0]["text"].strip() == os.path.realpath(Path.home())


def test_directory_that_cannot_be_made_is_told(agent: RealAgent, shell: Shell) -> None:
    """By its name."""
    talk = agent.talk()
    (agent.folder / "file").write_text("")

    talk.call("start", processes=[shell("true", cwd="file/below", restarts=0)])
    refused = talk.error("run", argv=["true"], cwd="file/below")

    assert refused["kind"] == "not-started"
    assert "file/below" in refused["text"]
    ended = agent.until("p", is_exited)["exit"]
    assert (ended["reason"], "file/below" in ended["text"]) == ("not-started", True)
