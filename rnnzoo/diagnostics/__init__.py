"""What a cell does to a state and to a gradient, measured: functions from a cell or a model to frames; no drawing.

Two kinds of source. What follows a loss takes a `SequenceModel`, as a run trains it, with a task (a cell of your own:
`SequenceModel(Recurrent(cell), output_size, readout="last")`). What looks at the recurrence alone takes `source`: a
cell, a `Recurrent` layer or a `SequenceModel` of one direction; the state is then that of all layers and all parts side
by side, N entries, and the input is `x` (time, batch, input_size), what the recurrent layer reads: an encoder ahead of
it is left out. The recurrence is always measured on a copy in float64, whatever the dtype of the parameters; the
gradients of a loss in the dtype in which they are trained.

Frames are tidy: one row a combination of the columns before the colon, one value a column after it. `t` counts time
steps from 1, `step` optimiser steps (0: before training), `sequence` sequences of the batch from 0, `index` singular
values or exponents from 1, the largest first. `median`, `low` and `high` are quantiles over the batch (50, 10, 90%).
Logarithms are natural.

| module | function | returns |
|---|---|---|
| gradients | `state_gradients(model, task, batch)` | Tensor (time, batch): ‖∂L_b/∂h_t‖ |
| gradients | `gradient_profile(model, task)` | t: median, low, high; early_share |
| gradients | `early_share(norms, part=0.1)` | Tensor (batch,): Σ_{t ≤ part·T} ‖∂L/∂h_t‖ / Σ_t ‖∂L/∂h_t‖; 0.1 if level |
| history | `GradientHistory(model, task, at)`, for `Training.advance` | `.frame()` step, t: median, low, high |
| history | | `.shares()` step: median, low, high of `early_share` |
| clipping | `clipping(curve)` | step: clipped (share of the steps since the last row), overall, grad_norm |
| lags | `parameter_gradients(model, task, batch)` | layer, direction, weight, t: norm, share (adds up to 1 over t) |
| jacobians | `singular_values(source, x, lags, k=None, method="auto")` | sequence, lag, index: log_sigma, change |
| jacobians | `condition_numbers(values)`, values from above | sequence, lag: log_condition, complete |
| lyapunov | `lyapunov_exponents(source, x, k=8, warm_up=0)` | `LyapunovSpectrum`, with: |
| lyapunov | | `.exponents` sequence, index: exponent (nats a step) |
| lyapunov | | `.history` sequence, t, index: exponent (mean up to t) |
| lyapunov | | `.dimensions` sequence: kaplan_yorke (NaN where k is too small to tell), least (what k shows) |
| memory | `memory_capacity(source, x, lags, feature=0, washout=…)` | lag: capacity (r² on held-out sequences), ridge |
| memory | `random_input(source, steps, batch, feature=0, seed=0)` | Tensor (time, batch, input_size) |
| precision | `precision_drift(model, task, batch)` | quantity (state, gradient), t: median, low, high |
"""
