"""What QoS costs on a given network: bytes, packets and time per delivered message.

`cell` plays one network and reads its counters, `study` plays many over seeds, `tables` and `page`
say what came out. Start with `cell.measure`.
"""
