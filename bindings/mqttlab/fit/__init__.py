"""`mqttlab fit`: an outage in the field, from a capture or a broker's log, as a link file."""
