"""Where a run takes place: in a simulated network, or on real sockets against a broker."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from mqttlab import _core, units
from mqttlab.errors import UsageError
from mqttlab.result import NotApplicable, Target

__all__ = ["UNTOLD", "PcapSide", "Place", "authorities", "live", "simulated"]

PcapSide = Literal["sender", "receiver", "device", "broker"]
OWN = "live"
"""What a target is called that the run brings itself."""
UNTOLD = NotApplicable(
    "the broker's own account",
    "a broker of others tells nobody which messages it drops and which sessions it ends: "
    "what its limits cost counts as lost, and so does QoS 2 that was never released",
)
"""What nobody hears of a broker that is not ours."""


@dataclass(frozen=True)
class Place:
    """A world to run in, and what is to be told of it."""

    world: _core.World
    target: Target | None
    """None: simulated."""
    waived: tuple[NotApplicable, ...] = ()
    """What was asked for and cannot be had there."""
    versions: Mapping[str, str] = field(default_factory=dict)
    """Of what it is made of."""
    tls_versions: Mapping[str, str] = field(default_factory=dict)
    """The same, if a client uses TLS."""
    simulator_events: Callable[[], int] = lambda: 0
    """How many events a simulator has executed."""
    traced: bool = True
    """Whether its events are kept."""
    radio_log: Callable[[int], bytes] | None = None
    """What the radio of a device (by its actor) did; None: nobody asked."""


def simulated(
    seed: int,
    ipv6: bool,
    tcp: str,
    pcap: str | os.PathLike[str] | None,
    pcap_side: PcapSide,
    pcap_devices: Sequence[str],
    radio_log: bool,
    trace: bool,
) -> Place:
    """A network in virtual time. Arguments: see `mqttlab.run`."""
    from mqttlab import _sim  # only now: it loads ns-3

    world = _sim.world(
        seed=seed, ipv6=ipv6, tcp=tcp, pcap_path=_capture_path(pcap), pcap_side=pcap_side,
        pcap_devices=_names(pcap_devices), radio_log=radio_log, trace=trace,
    )  # fmt: skip
    return Place(
        world,
        None,
        versions={"ns3": _sim.ns3_version},
        tls_versions={"openssl": _sim.openssl_version},
        simulator_events=lambda: _sim.simulator_events(world),
        traced=trace,
        radio_log=(lambda device: _sim.radio_log(world, device)) if radio_log else None,
    )


def live(
    target: str, ca_file: str | os.PathLike[str] | None, seed: int, asked: Sequence[str]
) -> Place:
    """Real sockets in real time. `asked`: arguments of `mqttlab.run` that only simulated networks
    can serve.

    Errors: UsageError for a target that is none; mqttlab.Error if nobody answers there.
    """
    url = units.text(target, "run: target", least=1)
    waived = tuple(NotApplicable(f"run: {name}", _NOT_LIVE[name]) for name in asked)
    if url == OWN:
        authorities(ca_file, None)
        world = _core.live_world(seed=seed)
        return Place(world, Target(OWN, True, f"mqttlab {_core.version}"), waived)
    if "://" not in url:
        url = f"tcp://{url}"
    try:
        named, transport = _core.live_target(url)
    except UsageError as error:
        raise UsageError(f"run: target {error}") from None
    world = _core.live_world(seed=seed, target=url, ca_pem=authorities(ca_file, transport))
    there = Target(named, False, _core.live_broker_version(world), transport)
    return Place(world, there, (*waived, *_unseen(transport)))


_NOT_LIVE = {
    "pcap": "real packets are the kernel's; capture them with tcpdump or Wireshark",
    "ipv6": "real sockets take the family of the target's address",
    "radio": "the packets of real radios are the kernel's",
    "tcp": "real sockets have the kernel's TCP",
    "trace": "what is to be taken away from the broker again is found in it, so it is kept",
}


def _unseen(transport: str) -> list[NotApplicable]:
    """What nobody can see of a broker elsewhere."""
    unseen = [UNTOLD]
    if transport != "tcp":
        unseen.append(
            NotApplicable(
                "packets at the broker's end",
                "inside TLS or WebSocket they are seen at the clients' end only",
            )
        )
    return unseen


def authorities(ca_file: str | os.PathLike[str] | None, transport: str | None) -> str | None:
    """Whom a connection over `transport` trusts, as PEM. Errors: UsageError if it has no TLS."""
    if ca_file is None:
        return None
    if not isinstance(ca_file, (str, os.PathLike)):
        raise UsageError(f"run: ca_file={ca_file!r} is no path of a PEM file")
    if transport not in ("tls", "wss"):
        raise UsageError(
            f"run: ca_file={str(ca_file)!r} is of no use without TLS; "
            "name a tls:// or wss:// target, or leave it out"
        )
    try:
        return Path(ca_file).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise UsageError(f"run: ca_file: cannot read {str(ca_file)!r}: {why}") from None


def _capture_path(pcap: object) -> str:
    if pcap is None:
        return ""
    if not isinstance(pcap, (str, os.PathLike)):
        raise UsageError(f"run: pcap={pcap!r} is no path; write pcap='run.pcap'")
    return str(Path(pcap))


def _names(pcap_devices: object) -> list[str]:
    if isinstance(pcap_devices, str) or not isinstance(pcap_devices, Sequence):
        raise UsageError(
            f"run: pcap_devices={pcap_devices!r} is no list of names; write ['desk', 'wall']"
        )
    return [units.text(name, "run: pcap_devices") for name in pcap_devices]
