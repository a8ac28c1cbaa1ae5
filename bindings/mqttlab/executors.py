"""Executors by the name that a command line gives them."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from importlib import import_module

from mqttlab.errors import UsageError

__all__ = ["started"]


@contextmanager
def started(what: str, jobs: int | None) -> Iterator[Executor | None]:
    """An executor: here (None), processes, dask (a local cluster), or that of a scheduler:
    dask=ADDRESS or dask://HOST:PORT.

    Errors: UsageError for another name, or if dask is not installed.
    """
    kind, _, address = what.replace("dask://", "dask=tcp://", 1).partition("=")
    if kind == "here":
        yield None
    elif kind == "processes":
        with ProcessPoolExecutor(jobs) as pool:
            yield pool
    elif kind == "dask":
        try:
            dask = import_module("distributed")
        except ImportError:
            raise UsageError(f"--executor {what}: pip install distributed") from None
        if address:
            with dask.Client(address) as client:
                yield client.get_executor()
            return
        options = {"n_workers": 1, "threads_per_worker": jobs, "dashboard_address": None}
        with dask.LocalCluster(**options) as cluster, dask.Client(cluster) as client:
            yield client.get_executor()
    else:
        raise UsageError(f"--executor {what!r}: is none of here, processes, dask, dask://HOST:PORT")
