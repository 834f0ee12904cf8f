"""Keys and values of a batch that loses rows and gains columns, without copying what stays.

`DynamicCache` concatenates, which copies the whole cache at every token, and dropping a row copies
it once more. Here full-attention layers own a buffer with room to spare: a token is written in
place, and a finished row's place is taken by the last row. Layers of other kinds (sliding windows,
linear attention) keep transformers' own class and are re-indexed.
"""

from typing import TYPE_CHECKING, Any

import torch
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer

if TYPE_CHECKING:
    from transformers import PretrainedConfig

__all__ = ["BufferedCache", "BufferedLayer"]

_SPARE_TOKENS = 64


class BufferedLayer(DynamicLayer):
    """One layer's keys and values, [rows, heads, tokens, head_dim]: views into larger buffers."""

    def __init__(self) -> None:
        super().__init__()
        self._buffers: tuple[torch.Tensor, torch.Tensor] | None = None
        self._rows = 0
        self._tokens = 0

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: object, **kwargs: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Append the states of new tokens; see `DynamicLayer.update`."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        self._rows = key_states.shape[0]
        end = self._tokens + key_states.shape[-2]
        if self._buffers is None or end > self._buffers[0].shape[-2]:
            # Half as much again, so that a token is copied about twice over a whole trace.
            room = end + max(_SPARE_TOKENS, end // 2)
            self._buffers = (self._grown(key_states, room, 0), self._grown(value_states, room, 1))
        for buffer, states in zip(self._buffers, (key_states, value_states), strict=True):
            buffer[: self._rows, :, self._tokens : end] = states
        self._tokens = end
        self._show()
        return self.keys, self.values

    def select(self, rows: torch.Tensor) -> None:
        """Make row i what row `rows[i]` was; repeats allowed."""
        if self._buffers is not None:
            keys, values = (b.index_select(0, rows) for b in self._buffers)
            self._buffers = (keys, values)
            self._rows = len(rows)
            self._show()

    def drop(self, holes: torch.Tensor, fillers: torch.Tensor, rows_left: int) -> None:
        """Copy rows `fillers` over rows `holes`, then keep the first `rows_left`."""
        if self._buffers is not None:
            if len(holes):
                for buffer in self._buffers:
                    filled = buffer[:, :, : self._tokens]
                    filled[holes] = filled[fillers]
            self._rows = rows_left
            self._show()

    def _grown(self, states: torch.Tensor, room: int, which: int) -> torch.Tensor:
        rows, heads, _, width = states.shape
        buffer = states.new_empty((rows, heads, room, width))
        if self._buffers is not None:
            buffer[:, :, : self._tokens] = self._buffers[which][:rows, :, : self._tokens]
        return buffer

    def _show(self) -> None:
        assert self._buffers is not None
        self.keys, self.values = (b[: self._rows, :, : self._tokens] for b in self._buffers)


class BufferedCache(DynamicCache):
    """A `DynamicCache` whose full-attention layers are `BufferedLayer`s."""

    def __init__(self, config: "PretrainedConfig") -> None:
        super().__init__(config=config)
        self.layers: list[Any] = [
            BufferedLayer() if type(layer) is DynamicLayer else layer for layer in self.layers
        ]

    def select(self, rows: torch.Tensor) -> None:
        """Make row i of the batch what row `rows[i]` was; repeats allowed.

        Args:
            rows: int64, shape [rows of the new batch].
        """
        for layer in self.layers:
            if isinstance(layer, BufferedLayer):
                layer.select(rows)
            else:
                layer.reorder_cache(rows)

    def drop(self, holes: torch.Tensor, fillers: torch.Tensor, order: torch.Tensor) -> None:
        """Close the gaps that finished rows left.

        Args:
            holes, fillers: int64, equally long: row `fillers[i]` moves to row `holes[i]`.
            order: int64, the same as one index, shape [rows left].
        """
        for layer in self.layers:
            if isinstance(layer, BufferedLayer):
                layer.drop(holes, fillers, len(order))
            else:
                layer.reorder_cache(order)
