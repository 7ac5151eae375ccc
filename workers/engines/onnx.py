"""Graphs on ONNX Runtime as all our engines run them: one thread that never spins."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeAlias

import onnxruntime

Graph: TypeAlias = onnxruntime.InferenceSession


def open_graph(path: Path, without: Sequence[str] = ()) -> Graph:
    """On the processor. Two engines of one thread beat one of two under load (design: models).

    `without` names optimisations of ONNX Runtime that are slower than what they replace.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return Graph(path, options, providers=["CPUExecutionProvider"], disabled_optimizers=[*without])
