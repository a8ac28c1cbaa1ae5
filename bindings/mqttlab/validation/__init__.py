"""The simulator held against measurements: published ones, and runs on real sockets.

`seoane` reproduces what Seoane et al. measured per message, `side_by_side` plays one scenario
simulated and live, `frames` counts what crossed a wire by what it was for, `records` those of TLS,
`recording` makes the part that no two machines repeat, `pages` says what came out. `python -m
mqttlab.validation --help`.
"""
