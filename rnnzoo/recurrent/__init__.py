"""`Recurrent`, the layer that users import: stacks and directions of any cell, called as `torch.nn.LSTM` is called.

`layer` is the module itself; `stack` builds and checks its cells, `forms` knows the forms of inputs and states, and
`ragged` carries sequences of unequal lengths.
"""

from rnnzoo.recurrent.layer import Recurrent

__all__ = ["Recurrent"]
