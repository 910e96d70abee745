"""Build a network from the specification that a stored model carries."""

from typing import Any, NamedTuple

from strokejax.types import Encoder, InputError

ARCHITECTURES = ("stroke_net", "resnet", "motion", "fused")
"""Architectures that embed single drawings; `build_encoder` builds them."""


class EncoderSpec(NamedTuple):
    """Everything needed to rebuild an encoder; plain values, stored as JSON."""

    architecture: str = "stroke_net"
    out_dim: int = 64
    """Dimensions of the embedding, or number of logits."""
    normalise: bool = True
    """True: embeddings of length 1. False: logits."""
    norm: str = "batch"
    size: int = 28
    """Side of the input picture, in pixels."""
    margin: int = 4
    """Blank pixels between the picture's edge and the drawing."""
    width: float = 3.0
    """Stroke width, in pixels."""
    binary: bool = False
    """True: rasterised by the published binary rule. False: anti-aliased."""
    channels: float = 1.0
    """Factor on the channels of the layouts in `functions`."""
    convs: int = 2
    """Convolutions in each block over the picture, 1 or 2."""
    features: str = ""
    """Input features of a network that reads swipes; empty for all others."""
    length: int = 0
    """Width of text pictures in pixels, `size` high; 0: the network reads no text."""

    @property
    def uses(self) -> tuple[str, ...]:
        """The modalities that the network uses of ink with a known reference size."""
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


def check_spec(spec: EncoderSpec) -> None:
    """InputError for an architecture that does not embed single drawings."""
    if spec.architecture not in ARCHITECTURES or spec.length:
        raise InputError(
            f"The model's architecture is {spec.architecture!r}, but single drawings "
            f"need one of {', '.join(ARCHITECTURES)}; use a model of single symbols."
        )


def build_encoder(
    spec: EncoderSpec,
    *,
    channel_dropout: float = 0.0,
    dropout: float = 0.0,
    frozen: tuple[str, ...] = (),
) -> Encoder:
    """The trainable network of a spec; InputError for other `ARCHITECTURES`.

    `frozen` names blocks whose BatchNorm statistics stay fixed in training.
    """
    check_spec(spec)
    # Networks are imported late: inference by a folded one does without Linen.
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


def build_inference(
    spec: EncoderSpec, params: Any, model_state: Any, *, fast: bool = True
):
    """`(encoder, params, model_state)` for inference.

    BatchNorm is folded into the convolutions, except in `resnet`; GroupNorm cannot be
    folded. `fast` pays off for many pictures: on a CPU they take half the time and
    compiling takes twice as long. The folded network imports neither Linen nor anything
    else that only training needs.
    """
    check_spec(spec)
    if spec.norm != "batch" or spec.architecture == "resnet":
        return build_encoder(spec), params, model_state
    from strokejax.networks.folded import fold, folded_net

    fused = spec.architecture != "stroke_net"
    encoder = folded_net(normalise=spec.normalise, fused=fused, **spec.raster)
    return encoder, fold(params, model_state, fast=fast), {}
