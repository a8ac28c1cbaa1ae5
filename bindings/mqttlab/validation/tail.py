"""How long QoS 1 takes on a lossy link, under the TCP profile and under ns-3's own defaults."""

from __future__ import annotations

import asyncio
import json
import math
from pathlib import Path
from typing import Any

import numpy as np

import mqttlab
from mqttlab.figures.messages import Messages
from mqttlab.figures.view import TraceView
from mqttlab.result import Result
from mqttlab.trace import End, Kind

__all__ = ["PROFILES", "exchanges_s", "quantile_s", "write"]

PROFILES = ("linux-like", "ns3-default")
QUANTILES = {"p50_s": 0.5, "p90_s": 0.9, "p99_s": 0.99}
SEED = 7


@mqttlab.scenario(until="15min")
async def fleet(
    lab: mqttlab.Lab, *, devices: int = 300, one_way_ms: float = 25.0, loss: float = 0.02
) -> None:
    """Devices that publish at QoS 1 every 30 s, each on a lossy link of its own."""
    await lab.broker("broker")
    link = lab.link(delay=one_way_ms / 1e3, loss=loss, name="access")
    meters = lab.devices(devices, name="meter-{:03d}", via=link)
    lab.fleet(
        meters, qos=1, interval="30s", start_within="30s", stop_at="12min", clean_session=False
    )
    await asyncio.sleep(15 * 60)


def exchanges_s(result: Result) -> np.ndarray:
    """From each publish call to the end of its exchange; infinite if the run has not seen it."""
    messages = Messages(TraceView(result))
    took = np.full(len(messages), np.inf)
    over = messages.completed < messages.view.size
    ends = messages.view.events["at"][messages.completed[over]]
    took[over] = (ends - messages.at[over]) / 1e9
    return took


def quantile_s(took: np.ndarray, share: float) -> float | None:
    """A time that was measured; None: the run had not seen the end of that exchange."""
    found = float(np.quantile(took, share, method="inverted_cdf"))
    return found if math.isfinite(found) else None


def write(directory: Path) -> None:
    """Plays the fleet under both profiles; writes tail.json: seconds by profile and quantile, of
    one seed, so that nothing says how far they can be trusted.
    """
    profiles: dict[str, dict[str, Any]] = {}
    for tcp in PROFILES:
        result = mqttlab.run(fleet, seed=SEED, tcp=tcp)
        result.check()
        took = exchanges_s(result)
        connections = TraceView(result).of(Kind.OPENED, end=End.CLIENT)
        profiles[tcp] = {
            "fingerprint": result.fingerprint,
            "connections": len(connections),
            "messages": len(took),
            "not_over": int(np.isinf(took).sum()),
            **{name: quantile_s(took, share) for name, share in QUANTILES.items()},
        }
    found = {
        "command": "python -m mqttlab.validation tail --out results/validation/tail",
        "versions": result.versions,
        "seed": SEED,
        "parameters": result.parameters,
        "profiles": profiles,
    }
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "tail.json").write_text(json.dumps(found, indent=1, allow_nan=False) + "\n")
