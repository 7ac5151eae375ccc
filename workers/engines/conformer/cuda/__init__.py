"""The recogniser on a GPU: torch, half precision, a captured graph for each size of a run."""
