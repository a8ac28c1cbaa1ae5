"""Scenarios of mqttlab: one file, one claim. `mqttlab list` names them."""
