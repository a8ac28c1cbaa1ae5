"""Reference runs: small files in `results/`, how each was made, and whether it still comes out.

A folder of results has a `reference.toml` with one `[[run]]` or several:

    [[run]]
    shows = "QoS 1 lost 0, QoS 2 lost 0 and repeated 0"
    command = "mqttlab run field_trial --seed 7 --out results/field_trial"
    files = ["run.json"]
    takes_s = 3

`command` is what a user types at the top of the repository; it writes `files`. Others:

folder    files are below this folder of reference.toml's own, and it is part of the run's name.
takes_s   wall time on two cores; what takes more than `--within` is not made again, and what takes
          ten times as long and a minute is ended.
recorded  why `--check` does not make it again (real sockets, other people's brokers): its files are
          only held against the digests that were taken when it was made.
beside    files of the folder that nothing is compared with: findings in prose, and pictures (.png),
          which have to be taken again when the run's files have changed; what else a picture shows
          may change unseen.

`made.json` beside it is written by `--update` and `--record`: versions, machine, digests.

The rule of comparison: JSON value by value, CSV and Markdown row by row, all else line by line, and
exactly; what these do not tell, such as another order, is told as a line or as a byte. Apart are,
in JSON, only `wall_s` at the top and what `versions` there says of mqttlab and its libraries. A
file that is not the one that was recorded is a finding as well, whatever has changed in it, and so
are digests of made.json that are missing, or of no file. Outside are files `beside`, READMEs,
reference.toml, and made.json's versions and machine: they are compared with nothing. Of pictures
the digests are held, and that of the files that each shows.
"""

from __future__ import annotations

from mqttlab.results.compare import APART, Difference, differences
from mqttlab.results.reference import Reference, load

__all__ = ["APART", "Difference", "Reference", "differences", "load"]
