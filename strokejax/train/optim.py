"""Optimizers over exhaustive parameter groups, and their learning-rate schedules.

`optax.masked` would apply the raw gradient to frozen leaves; `optax.multi_transform`
with `set_to_zero` leaves them bit for bit as they are. Clipping, decay and schedule sit
inside the trained group, so that frozen leaves neither move nor count.
"""

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import optax

from strokejax.settings import Config, milestones
from strokejax.types import InputError, PyTree

BLOCKS = (
    *("block1", "block2", "block3", "motion", "hidden", "out"),
    *("stem", "stem_norm", "stage1", "stage2", "stage3", "stage4"),
)
"""Blocks of the networks for drawings."""
FROZEN: Mapping[str, tuple[str, ...]] = {
    "all": (),
    "block3_head": ("block1", "block2"),
    "table": BLOCKS,
}
"""Frozen blocks of the encoder by `optim.train`; everything else is trained."""


def frozen_blocks(train: str) -> tuple[str, ...]:
    """Names of the frozen blocks; InputError for an unknown choice."""
    if train not in FROZEN:
        raise InputError(
            f"optim.train is {train!r}; choose one of {', '.join(map(repr, FROZEN))}."
        )
    return FROZEN[train]


def group_labels(params: PyTree, train: str) -> PyTree:
    """Labels each leaf of the groups "encoder" and "table" as "train" or "frozen".

    ValueError for any other group.
    """
    frozen = frozen_blocks(train)
    if unknown := params.keys() - {"encoder", "table"}:
        raise ValueError(f"the parameter groups {sorted(unknown)} are not known")

    def label(path, _):
        is_frozen = train == "table" or (len(path) > 1 and path[1].key in frozen)
        return "frozen" if path[0].key == "encoder" and is_frozen else "train"

    return jax.tree_util.tree_map_with_path(label, params)


def schedule(
    learning_rate: float, steps: int, warmup: float, end: float = 0.0
) -> optax.Schedule:
    """Linear warm-up over a share of the steps, then a cosine decay to `end`.

    `end` is a share of the peak `learning_rate`.
    """
    rising = min(max(1, round(steps * warmup)), max(1, steps - 1))
    return optax.warmup_cosine_decay_schedule(
        init_value=learning_rate / 25,
        peak_value=learning_rate,
        warmup_steps=rising,
        decay_steps=max(steps, rising + 1),
        end_value=learning_rate * end,
    )


def stepped(
    learning_rate: float, steps: int, warmup: float, milestones: tuple[float, ...]
) -> optax.Schedule:
    """Linear warm-up, then constant; divided by 10 at each milestone.

    `milestones` are shares of the steps.
    """
    rising = max(1, round(steps * warmup))
    factors = {max(rising, round(steps * share)): 0.1 for share in milestones}
    constant = optax.piecewise_constant_schedule(learning_rate, factors)
    warm = optax.linear_schedule(learning_rate / 25, learning_rate, rising)
    return lambda step: jnp.where(jnp.less(step, rising), warm(step), constant(step))


def make_optimizer(
    params: PyTree,
    *,
    train: str,
    learning_rate: optax.ScalarOrSchedule,
    weight_decay: float = 0.0,
    clip_norm: float = 0.0,
    plateau: int = 0,
) -> optax.GradientTransformationExtraArgs:
    """AdamW (Loshchilov & Hutter 2019) on the trained leaves; the others stay frozen.

    Weight decay applies to kernels, not to norms, biases or the table; 0 gives Adam.
    `clip_norm` bounds the gradient norm of the trained leaves; 0 disables clipping.
    With `plateau` the rate halves when the mean loss over that number of steps does not
    improve; updates then need the loss as `value`.
    """

    def decayed(tree):
        return jax.tree_util.tree_map_with_path(
            lambda path, _: path[-1].key.endswith("kernel"), tree
        )

    adam = optax.adamw(learning_rate, weight_decay=weight_decay, mask=decayed)
    clip = optax.clip_by_global_norm(clip_norm) if clip_norm > 0 else optax.identity()
    parts = [clip, adam]
    if plateau:
        parts.append(
            optax.contrib.reduce_on_plateau(
                factor=0.5, patience=1, accumulation_size=plateau, min_scale=0.01
            )
        )
    return optax.multi_transform(
        {"train": optax.chain(*parts), "frozen": optax.set_to_zero()},
        group_labels(params, train),
    )


def optimizer_of(
    optim: Config, params: PyTree, steps: int, epoch: int = 0
) -> tuple[optax.GradientTransformationExtraArgs, optax.Schedule]:
    """The optimizer of `config.optim` and its schedule: step -> learning rate.

    `epoch` is the steps of an epoch, after which "plateau" compares losses; its
    schedule does not include the reductions.
    """
    if optim.schedule == "cosine":
        rate = schedule(optim.learning_rate, steps, optim.warmup, optim.end)
    else:
        shares = milestones(optim) if optim.schedule == "milestones" else ()
        rate = stepped(optim.learning_rate, steps, optim.warmup, shares)
    optimizer = make_optimizer(
        params,
        train=optim.train,
        learning_rate=rate,
        weight_decay=optim.weight_decay,
        clip_norm=optim.clip_norm,
        plateau=epoch if optim.schedule == "plateau" else 0,
    )
    return optimizer, rate
