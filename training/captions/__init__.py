"""How the shipped captions model is made: from recordings and texts to weights.

`python -m training.captions --help` lists the steps; README.md tells the whole way.
"""
