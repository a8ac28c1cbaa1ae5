"""What QoS costs on a given network, and which keep alive fits: bytes, packets, time and energy.

`cell` plays one network of publishers and reads its counters, `keep_alive` one of phones behind a
NAT; `axes` says which, `study` plays many over seeds, `figures` makes means of them, `tables` and
`page` say what came out. Start with `cell.measure`.
"""
