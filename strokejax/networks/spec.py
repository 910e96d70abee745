"""From what a stored model says of its network to the network."""

from typing import Any, NamedTuple

from strokejax.pictures.lines import HEIGHT
from strokejax.tasks.lines.emnist_lines import SIZE
from strokejax.types import Encoder, InputError

ARCHITECTURES = ("stroke_net", "resnet", "motion", "fused")
WINDOWS = "line_cnn_simple"
"""Reads lines of 28 pixels window by window, as published."""
SWIPES = ("transformer", "conformer", "rnn")
"""These write words of swipes."""
FONTS = ("font_net", "simple_cnn")
"""These see lines of text, to tell fonts apart."""
LINES = ("line_cnn", "line_transformer", WINDOWS)
"""These read lines; but for `WINDOWS` by logits of characters and CTC's blank."""


class EncoderSpec(NamedTuple):
    """Everything that rebuilds an encoder; plain values, stored as JSON."""

    architecture: str = "stroke_net"
    out_dim: int = 64
    """Dimensions of the embedding, or number of logits."""
    normalise: bool = True
    """True: embeddings of length 1. False: logits."""
    norm: str = "batch"
    size: int = 28
    """Pixels a side of the picture it sees."""
    margin: int = 4
    """Pixels between the picture's edge and the drawing."""
    width: float = 3.0
    """Pixels; the pen."""
    binary: bool = False
    """True: drawn by the published rule. False: anti-aliased."""
    channels: float = 1.0
    """Channels of the convolutions over those of `layouts`."""
    convs: int = 2
    """Convolutions of each block over the picture, 1 or 2."""
    features: str = ""
    """What a network sees of swipes, one of `config_values.FEATURES`."""
    length: int = 0
    """Pixels of the pictures of text it sees, `size` high; 0 = it sees none."""

    @property
    def uses(self) -> tuple[str, ...]:
        """What it can see of ink with a known usual size."""
        return {
            "stroke_net": ("shape",),
            "resnet": ("shape",),
            "motion": ("motion", "size"),
            "fused": ("shape", "motion", "size"),
        }.get(self.architecture, ("text",))

    @property
    def raster(self) -> dict[str, Any]:
        """Keyword arguments of the rasteriser."""
        return {"size": self.size, "margin": self.margin, "width": self.width}


def line_height(spec: EncoderSpec) -> int:
    """Pixels of the lines that a network reads."""
    return SIZE if spec.architecture == WINDOWS else HEIGHT


def check_spec(spec: EncoderSpec) -> None:
    """InputError for an architecture that this version does not know."""
    known = (*ARCHITECTURES, *LINES, *FONTS, *SWIPES)
    if spec.architecture not in known:
        raise InputError(
            f"The model's architecture is {spec.architecture!r}; this version knows "
            f"{', '.join(known)}; update strokejax, or use another "
            f"model."
        )


def build_encoder(
    spec: EncoderSpec,
    *,
    channel_dropout: float = 0.0,
    dropout: float = 0.0,
    frozen: tuple[str, ...] = (),
) -> Encoder:
    """The trainable network; `frozen` blocks keep their statistics."""
    check_spec(spec)
    if spec.architecture in LINES:
        return _line_encoder(spec, dropout)
    if spec.architecture in FONTS:
        return _font_encoder(spec, dropout)
    if spec.architecture in SWIPES:
        return _swipe_encoder(spec, dropout)
    if spec.architecture == "resnet":
        from strokejax.networks.cnn import resnet

        return resnet(
            spec.out_dim,
            normalise=spec.normalise,
            channel_dropout=channel_dropout,
            dropout=dropout,
            frozen=frozen,
            channels=spec.channels,
            **spec.raster,
        )
    if spec.architecture != "stroke_net":
        from strokejax.networks.fused import fused_net

        return fused_net(
            spec.out_dim,
            normalise=spec.normalise,
            shape=spec.architecture == "fused",
            channels=spec.channels,
            convs=spec.convs,
            channel_dropout=channel_dropout,
            dropout=dropout,
            **spec.raster,
        )
    from strokejax.networks.cnn import stroke_net

    return stroke_net(
        spec.out_dim,
        normalise=spec.normalise,
        norm=spec.norm,  # type: ignore[arg-type]
        channels=spec.channels,
        convs=spec.convs,
        channel_dropout=channel_dropout,
        dropout=dropout,
        frozen=frozen,
        **spec.raster,
    )


def _line_encoder(spec: EncoderSpec, dropout: float) -> Encoder:
    if spec.architecture == WINDOWS:
        from strokejax.tasks.lines.network import windows_net

        return windows_net(spec.out_dim)
    from strokejax.tasks.lines.network import line_net

    attention = spec.architecture == "line_transformer"
    return line_net(spec.out_dim, attention=attention, dropout=dropout)


def _swipe_encoder(spec: EncoderSpec, dropout: float) -> Encoder:
    from strokejax.networks.cnn import as_encoder
    from strokejax.tasks.swipes.network import SwipeNet

    net = SwipeNet(spec.out_dim, spec.architecture, spec.features, dropout)
    return as_encoder(net, lambda inputs, key: (inputs,), normalise=False)


def _font_encoder(spec: EncoderSpec, dropout: float) -> Encoder:
    from strokejax.tasks.fonts.network import font_net, simple_cnn

    build = font_net if spec.architecture == "font_net" else simple_cnn
    return build(
        spec.out_dim,
        normalise=spec.normalise,
        channels=spec.channels,
        convs=spec.convs,
        dropout=dropout,
    )


def build_inference(
    spec: EncoderSpec, params: Any, model_state: Any, *, fast: bool = True
):
    """`(encoder, params, model_state)` for answering, BatchNorm folded where there is.

    `fast` is for many pictures: without it less is compiled. What is folded imports
    neither Linen nor anything else that only training needs.
    """
    check_spec(spec)
    if spec.norm != "batch" or spec.architecture in ("resnet", *FONTS):
        return build_encoder(spec), params, model_state
    from strokejax.networks.folded import fold, folded_net

    fused = spec.architecture != "stroke_net"
    encoder = folded_net(normalise=spec.normalise, fused=fused, **spec.raster)
    return encoder, fold(params, model_state, fast=fast), {}
