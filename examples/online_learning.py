"""Learns a fourth class while the encoder stays bit-identical: python FILE."""

import jax
import numpy as np

from strokejax import Encoder, init_slots, init_table, knn_forward_pass
from strokejax.table import cross_entropy, table_logits
from strokejax.train import create_state, make_optimizer, make_step
from strokejax.types import Batch

CENTRES, rng = 3 * np.eye(4), np.random.default_rng(0)


def apply(params, state, inputs, mask, *, train, key=None):
    z = jax.numpy.tanh(inputs @ params["hidden"]) @ params["out"]
    return z / jax.numpy.linalg.norm(z, axis=-1, keepdims=True), state


def learn(params, train, classes):
    def loss(table, z, batch):
        logits, active = table_logits(table, z), np.arange(6) < classes
        return cross_entropy(logits, *batch[1:], active), logits.argmax(-1) == batch[1]

    optimizer = make_optimizer(params, train=train, learning_rate=0.03)
    state = create_state(params, {}, optimizer, jax.random.key(1))
    step = make_step(encoder, optimizer, loss)
    for labels in rng.choice(classes, (100, 32)):
        x = CENTRES[labels] + rng.normal(0, 0.5, (32, 4))
        state, _ = step(state, Batch(x, labels, np.ones(32, bool)))
    return state.params


encoder = Encoder(lambda key, inputs: ({}, {}), apply)
weights = {"hidden": rng.normal(size=(4, 16)), "out": rng.normal(size=(16, 8)) / 4}
params = {"encoder": weights, "table": init_table(jax.random.key(0), capacity=6, dim=8)}
three = jax.device_get(learn(params, "all", 3))
four = learn(three, "table", 4)  # optax.multi_transform: the table alone moves
assert all(np.array_equal(three["encoder"][n], four["encoder"][n]) for n in weights)
slots = init_slots(np.arange(6) < 4, dim=8)
print(knn_forward_pass(encoder, four, {}, slots, CENTRES, k=1)[1][:, 0])
