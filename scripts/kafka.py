"""Apache Kafka for tests and for one machine: fetched through Maven, run in KRaft mode on loopback.

    python scripts/kafka.py fetch           put the broker's jars into .cache/kafka
    python scripts/kafka.py up [--nodes 3]  run brokers until interrupted; prints their address

A node is broker and controller in one process: about 330 MB, ready in about 3 s.
"""

from __future__ import annotations

import argparse
import atexit
import contextlib
import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self
from uuid import uuid4

VERSION = "4.1.1"
LOG4J = "2.24.3"
PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
CACHE = Path(__file__).resolve().parents[1] / ".cache" / "kafka"
READY = "Kafka Server started"
# Room for what is young: in 20 MB of it the collector stopped a busy broker for 8 to 40 ms every
# two seconds, which was the latency's p99. Room for classes: outgrown, it cost full collections.
JVM = (
    "-Xms192m",
    "-Xmx384m",
    "-Xmn128m",
    "-XX:MetaspaceSize=96m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    "-XX:+ExitOnOutOfMemoryError",
)

POM = f"""<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>ontime</groupId><artifactId>kafka</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{VERSION}</version>
    </dependency>
    <dependency>
      <groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId><version>{LOG4J}</version>
    </dependency>
  </dependencies>
</project>
"""

# Only the line that says "ready" and what goes wrong; a broker's chatter would fill the disk.
LOGGING = """rootLogger.level = warn
rootLogger.appenderRef.out.ref = out
appender.out.type = Console
appender.out.name = out
appender.out.layout.type = PatternLayout
appender.out.layout.pattern = %d %p %c: %m%n
logger.server.name = kafka.server.KafkaRaftServer
logger.server.level = info
"""


class Unavailable(Exception):
    """Apache Kafka can't be had, or a broker did not start; the text says why."""


def fetch(cache: Path = CACHE) -> Path:
    """Return the folder of jars, fetching them first where they are missing (43 MB).

    Safe from several processes at once. Raises Unavailable.
    """
    jars = cache / VERSION
    cache.mkdir(parents=True, exist_ok=True)
    with _locked(cache / "lock"):
        ensure_commands()
        if not jars.is_dir():
            with tempfile.TemporaryDirectory(dir=cache) as scratch:
                _copy_jars(Path(scratch))
                (Path(scratch) / "jars").rename(jars)
    return jars


def ensure_commands() -> None:
    """Install Debian's Java and Maven where one of them is missing. Raises Unavailable."""
    missing = [name for name in ("java", "mvn") if shutil.which(name) is None]
    if not missing:
        return
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        raise Unavailable(f"{' and '.join(missing)} not found, and no right to install packages")
    _run(["apt-get", "update", "-qq"])
    _run(
        [
            "apt-get",
            "install",
            "-y",
            "-qq",
            "--no-install-recommends",
            "default-jre-headless",
            "maven",
        ]
    )


def _copy_jars(scratch: Path) -> None:
    (scratch / "pom.xml").write_text(POM)
    target = f"-DoutputDirectory={scratch / 'jars'}"
    pom = ["-f", str(scratch / "pom.xml")]
    _run(["mvn", "-q", "-B", "--strict-checksums", *pom, PLUGIN, "-DincludeScope=runtime", target])


def _run(command: list[str]) -> None:
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(
        command,
        check=False,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        env=environment,
    )
    if done.returncode != 0:
        lines = (done.stdout + done.stderr).strip().splitlines()[-5:]
        raise Unavailable(f"{command[0]} ended with {done.returncode}: {' | '.join(lines)}")


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def free_ports(count: int) -> list[int]:
    """Ports on loopback that were free a moment ago, chosen by the kernel."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


class Broker:
    """One node: start, stop, kill, pause and resume it; its log survives all of them."""

    def __init__(
        self, jars: Path, folder: Path, node: int, port: int, settings: Mapping[str, str]
    ) -> None:
        self.node = node
        self.port = port
        self.log = folder / "server.log"
        self._jars = jars
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: subprocess.Popen[bytes] | None = None
        self._starts = 0
        folder.mkdir(parents=True, exist_ok=True)
        self.log.touch()
        (folder / "log4j2.properties").write_text(LOGGING)
        text = "".join(f"{key}={value}\n" for key, value in settings.items())
        (folder / "server.properties").write_text(text)

    def format(self, cluster_id: str, *, standalone: bool) -> None:
        """Write the node's identity into its empty log folder. Raises Unavailable."""
        arguments = ["format", "-t", cluster_id, "-c", str(self._folder / "server.properties")]
        _run(self._java("kafka.tools.StorageTool", *arguments, *["--standalone"] * standalone))

    def start(self) -> None:
        """Begin to run; `wait_ready` says when it serves."""
        self._starts = self._count_ready()
        with self.log.open("ab") as log:
            command = self._java("kafka.Kafka", str(self._folder / "server.properties"))
            # Its own session: an interrupt at the keyboard must not end it before the tests do.
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self._folder,
                start_new_session=True,
            )
        # Whoever is killed has no last words, but its process id is gone.
        watch = f"tail --pid={os.getpid()} -f /dev/null; kill -9 {self._process.pid}"
        self._guard = subprocess.Popen(
            ["sh", "-c", watch],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        atexit.register(self.kill)

    def wait_ready(self, timeout_s: float = 60.0) -> None:
        """Wait until the node serves. Raises Unavailable when it ended, or after the time."""
        until = time.monotonic() + timeout_s
        while self._count_ready() == self._starts:
            if self._process is None or self._process.poll() is not None:
                raise Unavailable(f"broker {self.node} ended: {self._last_words()}")
            if time.monotonic() > until:
                raise Unavailable(
                    f"broker {self.node} not ready after {timeout_s} s: {self._last_words()}"
                )
            time.sleep(0.02)

    @property
    def pid(self) -> int:
        """The process id. Raises RuntimeError when the node isn't running."""
        if self._process is None:
            raise RuntimeError(f"broker {self.node} is not running")
        return self._process.pid

    def stop(self, grace_s: float = 10.0) -> None:
        """End it in order (SIGTERM), and by force (SIGKILL) when it takes longer than the grace."""
        if self._process is None:
            return
        self.resume()
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(grace_s)
        self.kill()

    def kill(self) -> None:
        """End it at once, as a crash would."""
        if self._process is not None:
            self._dismiss_guard()
            self._process.kill()
            self._process.wait()
            self._process = None
            atexit.unregister(self.kill)

    def _dismiss_guard(self) -> None:
        """Before the node ends: another process may get its number."""
        if self._guard is not None:
            os.killpg(self._guard.pid, signal.SIGKILL)
            self._guard.wait()
            self._guard = None

    def pause(self) -> None:
        """Freeze it: connections stand, nothing is answered."""
        os.kill(self.pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let a frozen node run on."""
        os.kill(self.pid, signal.SIGCONT)

    def _count_ready(self) -> int:
        return self.log.read_text(errors="replace").count(READY)

    def _last_words(self) -> str:
        return " | ".join(self.log.read_text(errors="replace").strip().splitlines()[-5:])

    def _java(self, main: str, *arguments: str) -> list[str]:
        logging = f"-Dlog4j2.configurationFile={self._folder / 'log4j2.properties'}"
        return ["java", *JVM, logging, "-cp", f"{self._jars}/*", main, *arguments]


class Cluster:
    """Brokers that know each other, in a folder of their own; a context manager that runs them."""

    def __init__(
        self, folder: Path, nodes: int = 1, settings: Mapping[str, str] | None = None
    ) -> None:
        jars = fetch()
        ports = free_ports(2 * nodes)
        self._alone = nodes == 1
        self.brokers = [
            Broker(
                jars, folder / str(node), node, port, _settings(folder, node, ports, settings or {})
            )
            for node, port in enumerate(ports[:nodes], start=1)
        ]

    @property
    def bootstrap(self) -> str:
        """`host:port` of all nodes, separated by commas."""
        return ",".join(f"127.0.0.1:{broker.port}" for broker in self.brokers)

    def start(self) -> None:
        """Format and start all nodes; return when all serve. Raises Unavailable: none runs then."""
        try:
            cluster_id = urlsafe_b64encode(uuid4().bytes)[:22].decode().replace("-", "_")
            for broker in self.brokers:
                broker.format(cluster_id, standalone=self._alone)
                broker.start()
            for broker in self.brokers:
                broker.wait_ready()
        except BaseException:
            self.stop(grace_s=0)
            raise

    def stop(self, grace_s: float = 10.0) -> None:
        """End all nodes. The last ones find no quorum to say goodbye to: keep the grace short."""
        for broker in self.brokers:
            broker.stop(grace_s)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop(grace_s=3.0)


def _settings(
    folder: Path, node: int, ports: list[int], extra: Mapping[str, str]
) -> dict[str, str]:
    nodes = len(ports) // 2
    controllers = ports[nodes:]
    listeners = (
        f"PLAINTEXT://127.0.0.1:{ports[node - 1]},CONTROLLER://127.0.0.1:{controllers[node - 1]}"
    )
    voters = ",".join(
        f"{index}@127.0.0.1:{port}" for index, port in enumerate(controllers, start=1)
    )
    # One node makes a quorum of its own (format --standalone); several are told who votes.
    quorum = (
        {"controller.quorum.bootstrap.servers": f"127.0.0.1:{controllers[0]}"}
        if nodes == 1
        else {"controller.quorum.voters": voters}
    )
    return (
        quorum
        | {
            "process.roles": "broker,controller",
            "node.id": str(node),
            "listeners": listeners,
            "controller.listener.names": "CONTROLLER",
            "listener.security.protocol.map": "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT",
            "log.dirs": str(folder / str(node) / "data"),
            "auto.create.topics.enable": "false",
            "default.replication.factor": str(nodes),
            "min.insync.replicas": str(nodes // 2 + 1),
            "offsets.topic.replication.factor": str(nodes),
            "offsets.topic.num.partitions": "4",
            "transaction.state.log.replication.factor": str(nodes),
            "transaction.state.log.min.isr": str(nodes // 2 + 1),
            "transaction.state.log.num.partitions": "4",
            # The cleaner's default buffer of 128 MB would fill the heap, for little to clean.
            "log.cleaner.dedupe.buffer.size": str(4 * 1024 * 1024),
            # Tests of failures and retention should not wait for the pace of a data centre.
            "group.initial.rebalance.delay.ms": "0",
            "group.min.session.timeout.ms": "1000",
            "broker.heartbeat.interval.ms": "500",
            "broker.session.timeout.ms": "3000",
            "replica.lag.time.max.ms": "3000",
            "log.retention.check.interval.ms": "500",
            "log.segment.delete.delay.ms": "500",
            "log.initial.task.delay.ms": "500",
        }
        | dict(extra)
    )


def main(arguments: list[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("action", choices=["fetch", "up"])
    parser.add_argument("--nodes", type=int, choices=[1, 3], default=1, help="brokers to run")
    options = parser.parse_args(arguments)
    try:
        return _fetch() if options.action == "fetch" else _up(options.nodes)
    except Unavailable as error:
        print(f"kafka: {error}", file=sys.stderr)
        return 1


def _fetch() -> int:
    print(fetch())
    return 0


def _up(nodes: int) -> int:
    # SIGTERM unwinds like the keyboard's interrupt, so that the brokers are ended too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with (
        tempfile.TemporaryDirectory(prefix="ontime-kafka-") as folder,
        Cluster(Path(folder), nodes) as cluster,
    ):
        print(cluster.bootstrap, flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            signal.pause()
    return 0


if __name__ == "__main__":
    sys.exit(main())
