"""Muon, an optimizer for weight matrices: momentum whose update is made nearly orthogonal.

It needs far fewer steps than AdamW here. torch.optim.Muon takes single matrices only, no stacks of experts.
"""

import torch

# The quintic Newton-Schulz iteration and its coefficients. Source: Keller Jordan, "Muon: An optimizer for hidden
# layers in neural networks" (2024).
_COEFFICIENTS = (3.4445, -4.7750, 2.0315)
_ITERATIONS, _MOMENTUM, _DECAY = 5, 0.95, 0.01


class Muon:
    """Steps matrices, and stacks of matrices, along their gradients."""

    def __init__(self, matrices: list[torch.Tensor], learning_rate: float) -> None:
        self._matrices = matrices
        self._learning_rate = learning_rate
        self._momenta = [torch.zeros_like(matrix) for matrix in matrices]

    def step(self, scale: float) -> None:
        """One step at `scale` times the learning rate."""
        rate = self._learning_rate * scale
        with torch.no_grad():
            for matrix, momentum in zip(self._matrices, self._momenta, strict=True):
                momentum.mul_(_MOMENTUM).add_(matrix.grad)
                update = matrix.grad + _MOMENTUM * momentum
                if matrix.dim() == 3 and matrix.shape[2] > 2 * matrix.shape[1]:
                    # gpt-oss interleaves the columns of two matrices, gate and up
                    halves = [_orthogonalize(update[..., start::2]) for start in (0, 1)]
                    update = torch.stack(halves, -1).flatten(-2)
                else:
                    update = _orthogonalize(update)
                matrix.mul_(1 - rate * _DECAY).sub_(update * rate)


def _orthogonalize(update: torch.Tensor) -> torch.Tensor:
    rows, columns = update.shape[-2:]
    result = update.mT if rows > columns else update
    result = result / (result.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    linear, cubic, quintic = _COEFFICIENTS
    for _ in range(_ITERATIONS):
        square = result @ result.mT
        result = linear * result + (cubic * square + quintic * square @ square) @ result
    return (result.mT if rows > columns else result) * max(1, rows / columns) ** 0.5
