"""How the shipped translation model is made: from sentence pairs to weights.

It is not part of the service. Only `training` needs torch.
"""
