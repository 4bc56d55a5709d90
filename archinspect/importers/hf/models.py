"""From model types to templates, and what a class puts on top of them: heads."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from archinspect.base.printable import printable
from archinspect.importers.hf import composites, convnets, frames, qwen, seq2seq, towers, vit
from archinspect.importers.hf.decoder import decoder, holds
from archinspect.importers.hf.decoders import DECODERS
from archinspect.importers.hf.encoder import encoder, pooled, word_head
from archinspect.importers.hf.encoders import ENCODERS
from archinspect.importers.hf.parts import Mlp, activate, add, dense, mlp, norm, within
from archinspect.importers.hf.wanted import ending
from archinspect.ops.merge import Average
from archinspect.ops.tensor import ReduceMean, Select, Slice

if TYPE_CHECKING:
    from archinspect.base.source import SourceError
    from archinspect.graph.builder import GraphBuilder
    from archinspect.graph.graph import Tensor
    from archinspect.importers.hf.config import Config
    from archinspect.importers.hf.encoder import Encoder
    from archinspect.importers.hf.wanted import Wanted

LANGUAGE = ("ForCausalLM", "LMHeadModel", "ForConditionalGeneration")
"""How classes end that predict words."""


OTHERS = {
    **dict.fromkeys(("esm", "eurobert", "modernbert"), "bidirectional"),
    **dict.fromkeys(("data2vec-audio", "hubert", "unispeech", "unispeech-sat"), "sounds"),
    **dict.fromkeys(("wav2vec2", "wav2vec2-conformer", "wavlm"), "sounds"),
    **dict.fromkeys(("pvt", "segformer"), "pyramids"),
    **dict.fromkeys(("falcon_mamba", "mamba", "mamba2", "nemotron_h", "rwkv"), "states"),
    **dict.fromkeys(("deberta", "deberta-v2"), "disentangled"),
    "blip": "blip",
    "cvt": "cvt",
    "depth_anything": "depth",
    "conditional_detr": "conditional",
    **dict.fromkeys(("detr", "table-transformer"), "detr"),
    "dpt": "dpt",
    "focalnet": "focalnet",
    "funnel": "funnel",
    "gemma3n_text": "gemma3n",
    "gemma4_text": "gemma4",
    "hiera": "hiera",
    **dict.fromkeys(("led", "longformer"), "longformer"),
    "levit": "levit",
    "longcat_flash": "longcat",
    "mllama": "mllama",
    "mobilebert": "mobilebert",
    **dict.fromkeys(("rt_detr", "rt_detr_v2"), "rt_detr"),
    "sam": "sam",
    **dict.fromkeys(("swin", "swinv2"), "swin"),
    **dict.fromkeys(("vit_mae", "yolos"), "vits"),
    "xlnet": "xlnet",
    "zamba2": "zamba",
}
"""The modules of types with a function of their own, `add_model`; imported when one is read."""


def model(c: Config, architecture: str, wanted: Wanted) -> tuple[Tensor, ...]:  # noqa: PLR0911 - one a kind of model
    """Add the model of a configuration; return its outputs."""
    if c.kind in DECODERS:
        return causal(c, architecture, wanted)
    if c.kind in ENCODERS:
        return masked(c, architecture, wanted)
    if c.kind in composites.COMPOSITES:
        return joined(c, architecture, wanted)
    if c.kind in convnets.CONVNETS:
        end = ending(c, architecture, ("ForImageClassification", "Model")) if architecture else "Model"
        image = wanted.picture(c, is_open=True)
        kind = convnets.CONVNETS[c.kind]
        return (convnets.classify(wanted.net, c, kind, image, is_classifier=end != "Model"),)
    if c.kind in vit.VITS:
        return seeing(c, architecture, wanted)
    if c.kind in ("clip", "siglip", "clip_text_model", "clip_vision_model", "siglip_vision_model"):
        return towers_of(c, architecture, wanted)
    if c.kind in ("videomae", "audio-spectrogram-transformer"):
        return framed(c, architecture, wanted)
    if c.kind in (*seq2seq.T5S, *seq2seq.BARTS, "whisper"):
        return translating(c, architecture, wanted)
    if c.kind in OTHERS:
        found: tuple[Tensor, ...] = import_module(f"archinspect.importers.hf.{OTHERS[c.kind]}").add_model(
            c, architecture, wanted
        )
        return found
    raise _unread(c)


def _unread(c: Config) -> SourceError:
    help_ = "docs/formats.md lists those that are"
    if c.file.is_folder:
        help_ += "; `--from safetensors` shows the tensors of the folder"
    return c.file.refuse(f"the model type '{printable(c.kind)}' is not read", help_)


def causal(c: Config, architecture: str, wanted: Wanted) -> tuple[Tensor, ...]:
    """Add a decoder with its head."""
    d = DECODERS[c.kind]
    d = d._replace(**d.adjust(c)) if d.adjust else d
    known = (*LANGUAGE, "ForSequenceClassification", "ForTokenClassification", "ForQuestionAnswering", "Model")
    end = ending(c, architecture, known) if architecture else LANGUAGE[0]
    rows = c.maybe("max_position_embeddings", 1) if c.find("max_position_embeddings") is not None else None
    net = wanted.net
    (ids,) = wanted.words(rows, "input_ids")
    words, x = decoder(net, c, d, ids, root="" if end == "Model" else None)
    if end in LANGUAGE:
        x = dense(net, x, c.whole("vocab_size"), d.names.head, bias=holds(c, d.head_bias))
        if d.ties and c.flag("tie_word_embeddings"):
            net.tie(x.producer, words.producer)
    elif end != "Model":
        x = _judge(c, net, end, x)
    return (x,)


def _judge(c: Config, net: GraphBuilder, end: str, x: Tensor) -> Tensor:
    """Add the head of a classifier on a decoder."""
    if end == "ForQuestionAnswering":
        return dense(net, x, 2, "qa_outputs")
    return dense(net, x, c.labels(), "score", bias=end == "ForTokenClassification")


def masked(c: Config, architecture: str, wanted: Wanted) -> tuple[Tensor, ...]:  # noqa: C901, PLR0911 - one a head
    """Add an encoder of text with its head."""
    e = ENCODERS[c.kind]
    known = (
        "ForMaskedLM",
        "ForPreTraining",
        _PAIRS,
        *_JUDGES,
        *(("ForCausalLM", "LMHeadModel") if e.decodes else ()),
        "Model",
    )
    end = ending(c, architecture, known) if architecture else "Model"
    net = wanted.net
    rows = c.maybe(e.positions, 1) if e.positions else c.maybe("max_position_embeddings", 1)
    all_rows = c.kind in ("big_bird", "convbert", "electra", "ernie", "megatron-bert", "nystromformer")
    past = 2 if e.classifier == "first" and not all_rows else 0  # positions before the first, of padding
    (ids,) = wanted.words(rows and rows - past, "input_ids")
    is_inside = end != "Model"
    with within(net, e.names.root if is_inside else ""):
        words, x = encoder(net, c, e, ids)
        asks = c.kind == "big_bird" and end == "ForQuestionAnswering"
        pools = (e.pools == "always" and not asks) or (
            (e.pools == "model" and end in ("Model", "ForPreTraining", _PAIRS))
            or (end == "ForSequenceClassification" and e.classifier == "pooled")
            or (end == _CHOICES and (e.pools or e.classifier == "pooled"))
        )
        one = pooled(net, c, e, x) if pools else None
    if end == "Model":
        return (x,) if one is None else (x, one)
    if c.kind == "electra" and end == "ForPreTraining":
        x = activate(net, dense(net, x, c.whole("hidden_size"), "discriminator_predictions.dense"), c, "gelu")
        return (dense(net, x, 1, "discriminator_predictions.dense_prediction"),)
    if end in ("ForMaskedLM", "ForCausalLM", "LMHeadModel"):
        return (word_head(net, c, e, x, words),)
    if end in ("ForPreTraining", _PAIRS):
        if c.kind not in ("bert", "fnet", *(("albert", "big_bird") if end != _PAIRS else ())):
            raise c.refuse(f"the class '{printable(architecture)}' is not read")
        assert one is not None
        judged = (
            dense(net, one, c.labels(), "sop_classifier.classifier")
            if c.kind == "albert"
            else dense(net, one, 2, "cls.seq_relationship")
        )
        return (judged,) if end == _PAIRS else (word_head(net, c, e, x, words), judged)
    if end == "ForQuestionAnswering":
        if asks:
            return (_asked(c, e, net, x),)
        return (dense(net, x, 2 if c.kind == "nystromformer" else c.labels(), "qa_outputs"),)
    if end == "ForTokenClassification":
        return (dense(net, x, c.labels(), "classifier"),)
    if end == _CHOICES:
        return (_chosen(c, net, x, one, architecture),)
    if e.classifier == "pooled":
        assert one is not None
        return (dense(net, one, c.labels(), "classifier"),)
    first = net.add(Select(index=0), x)
    if e.classifier == "distilbert":
        first = activate(net, dense(net, first, c.whole("hidden_size"), "pre_classifier"), c, "relu")
        return (dense(net, first, c.labels(), "classifier"),)
    act = c.text("hidden_act") if c.kind == "big_bird" else "tanh"
    first = activate(net, dense(net, first, c.whole("hidden_size"), "classifier.dense"), c, act)
    return (dense(net, first, c.labels(), "classifier.out_proj"),)


def _asked(c: Config, e: Encoder, net: GraphBuilder, x: Tensor) -> Tensor:
    """Add Big Bird's head for questions: a feed-forward network, and where an answer starts and ends."""
    with within(net, "qa_classifier"):
        m = Mlp(c.whole(e.inner), c.text(e.activation), gated=False, bias=True, up=e.names.up, down=e.names.down)
        x = norm(net, add(net, mlp(net, x, m, c.whole("hidden_size"), c), x), e.norm, e.names.norm_2)
        return dense(net, x, 2, "qa_outputs")


def _chosen(c: Config, net: GraphBuilder, x: Tensor, one: Tensor | None, architecture: str) -> Tensor:
    """Add what rates a choice, of which there are several for each question: here they are samples."""
    net.description = "a choice is a sample"
    if one is None and c.kind in ("distilbert", "nystromformer"):
        first = dense(net, net.add(Select(index=0), x), c.whole("hidden_size"), "pre_classifier")
        one = activate(net, first, c, "relu")
    if one is None:
        raise c.refuse(f"the class '{printable(architecture)}' is not read")
    return dense(net, one, 1, "classifier")


_CHOICES, _PAIRS = "ForMultipleChoice", "ForNextSentencePrediction"
_JUDGES = ("ForSequenceClassification", "ForTokenClassification", "ForQuestionAnswering", _CHOICES)


def translating(c: Config, architecture: str, wanted: Wanted) -> tuple[Tensor, ...]:
    """Add an encoder and a decoder with their head."""
    judges: tuple[str, ...] = ()
    if c.kind in ("bart", "mbart", "mvp", "plbart"):
        judges = ("ForSequenceClassification", "ForQuestionAnswering")
    elif c.kind in ("mt5", "t5", "umt5"):
        judges = ("ForSequenceClassification", "ForTokenClassification", "ForQuestionAnswering")
    decoders = ("ForCausalLM",) if c.kind in seq2seq.BARTS else ()
    known = ("ForConditionalGeneration", "MTModel", "EncoderModel", *decoders, *judges, "Model")
    end = ending(c, architecture, known) if architecture else "ForConditionalGeneration"
    net, has_head = wanted.net, end not in ("EncoderModel", "Model")
    if end in decoders:
        (ids,) = wanted.words(c.whole("max_position_embeddings"), "input_ids")
        return (seq2seq.bart_decoder(net, c, seq2seq.BARTS[c.kind], ids),)
    root = "model" if has_head else ""
    if c.kind in seq2seq.T5S:
        kind = seq2seq.T5S[c.kind]
        alone = end in ("EncoderModel", "ForTokenClassification")
        inputs = wanted.words(512, *(("input_ids",) if alone else ("input_ids", "decoder_input_ids")))
        with within(net, "transformer" if end in ("ForSequenceClassification", "ForTokenClassification") else ""):
            built = seq2seq.t5(net, c, kind, inputs[0], None if alone else inputs[1])
        if end == "ForTokenClassification":
            return (dense(net, built.steps, c.labels(), "classifier"),)
        ties, name = holds(c, kind.ties), "lm_head"
    elif end == "EncoderModel":
        raise c.refuse("an encoder alone is not read")
    elif c.kind == "whisper":
        steps = 2 * c.whole("max_source_positions")
        target, sound = wanted.words(
            c.whole("max_target_positions"), "decoder_input_ids", input_features=(steps, c.whole("num_mel_bins"))
        )
        built = seq2seq.whisper(net, c, sound, target, root)
        ties, name = c.flag("tie_word_embeddings"), "proj_out"
    else:
        ids, target = wanted.words(c.whole("max_position_embeddings"), "input_ids", "decoder_input_ids")
        ties, name = c.flag("tie_word_embeddings"), "lm_head"
        built = seq2seq.bart(net, c, seq2seq.BARTS[c.kind], ids, target, root)
    if end == "ForQuestionAnswering":
        return (dense(net, built.steps, c.labels() if c.kind in seq2seq.T5S else 2, "qa_outputs"),)
    if end == "ForSequenceClassification":  # of the step where the text ends
        last, width = net.add(Select(index=-1), built.steps), c.whole("d_model")
        last = activate(net, dense(net, last, width, "classification_head.dense"), c, "tanh")
        return (dense(net, last, c.labels(), "classification_head.out_proj"),)
    return (seq2seq.head(net, c, built, name, ties=ties) if has_head else built.steps,)


def seeing(c: Config, architecture: str, wanted: Wanted) -> tuple[Tensor, ...]:
    """Add a vision transformer with its head."""
    v = vit.VITS[c.kind]
    known = ("ForImageClassificationWithTeacher", "ForImageClassification", "Model")
    end = ending(c, architecture, known[1:] if c.kind != "deit" else known) if architecture else "Model"
    if end != "Model" and not v.head:
        raise c.refuse(f"the class '{printable(architecture)}' is not read")
    net = wanted.net
    image = wanted.picture(c, is_open=v.open)
    with within(net, v.root if end != "Model" else ""):
        x = vit.vit(net, c, v, image)
        if v.pooler == "norm" and (v.bare_pools if end == "Model" else v.pools):
            if not c.flag("use_mean_pooling"):
                one = net.add(Select(index=0), x)
            else:
                mean = net.add(ReduceMean(axis=[1]), net.add(Slice(start=1), x))
                one = norm(net, mean, "layer", "pooler.layernorm")
            return (dense(net, one, c.labels(), v.head),) if end != "Model" else (x, one)
        if v.pooler == "dense" and end == "Model":
            width = c.maybe("pooler_output_size", 1) or c.whole("hidden_size")
            one = dense(net, net.add(Select(index=0), x), width, "pooler.dense")
            return x, activate(net, one, c, c.text("pooler_act", "tanh"))
    if end == "Model":
        return (x,)
    if end == known[0]:
        return tuple(
            [
                dense(net, net.add(Select(index=i), x), c.labels(), name)
                for i, name in enumerate(("cls_classifier", "distillation_classifier"))
            ]
        )
    return vit.classes(net, c, v, x)


def towers_of(c: Config, architecture: str, wanted: Wanted) -> tuple[Tensor, ...]:
    """Add CLIP or SigLIP, or one of its towers."""
    net = wanted.net
    if c.kind in ("clip", "siglip") and architecture.endswith("ForImageClassification"):
        return _seen_classes(c, wanted)
    if c.kind in ("clip", "siglip"):
        if architecture not in ("CLIPModel", "SiglipModel", ""):
            raise c.refuse(f"the class '{printable(architecture)}' is not read", "a configuration of both towers is")
        words, sight = towers.parts(c)
        height, width = sight.pair("image_size")
        shape = (height, width, sight.whole("num_channels"))
        ids, image = wanted.words(words.whole("max_position_embeddings"), "input_ids", pixel_values=shape)
        wanted.fixed(image, shape)
        return towers.both(net, c, ids, image)
    projects = architecture.endswith("WithProjection")
    if c.kind == "clip_text_model":
        (ids,) = wanted.words(c.whole("max_position_embeddings"), "input_ids")
        with within(net, "text_model" if projects else ""):
            x = towers.text(net, c, ids, causal=True)
        one = net.add(Select(index=-1), x)
        return (dense(net, one, c.whole("projection_dim"), "text_projection", bias=False),) if projects else (x, one)
    with within(net, "vision_model" if projects else ""):
        x, one = towers.pictures(net, c, wanted.picture(c))
    return (dense(net, one, c.whole("projection_dim"), "visual_projection", bias=False),) if projects else (x, one)


def _seen_classes(c: Config, wanted: Wanted) -> tuple[Tensor, ...]:
    """Add CLIP's or SigLIP's tower of pictures, and a classifier of the mean of its patches."""
    net, (_, sight) = wanted.net, towers.parts(c)
    with within(net, "vision_model"):
        x, _ = towers.pictures(net, sight, wanted.picture(sight))
    x = net.add(Slice(start=1), x) if c.kind == "clip" else x
    return (dense(net, net.add(ReduceMean(axis=[1]), x), c.labels(), "classifier"),)


def framed(c: Config, architecture: str, wanted: Wanted) -> tuple[Tensor, ...]:
    """Add a transformer of videos or spectrograms."""
    net = wanted.net
    end = (
        ending(c, architecture, ("ForVideoClassification", "ForAudioClassification", "Model"))
        if architecture
        else "Model"
    )
    if c.kind == "videomae":
        height, across = c.pair("image_size")
        shape = (c.whole("num_frames"), height, across, c.whole("num_channels"))
        (video,) = wanted.words(None, pixel_values=shape)
        wanted.fixed(video, shape)
        with within(net, frames.VIDEO.root if end != "Model" else ""):
            x = vit.trunk(net, c, frames.VIDEO, frames.tubes(net, c, video))
        if end == "Model":
            return (x,)
        one = net.add(ReduceMean(axis=[1]), x) if c.flag("use_mean_pooling") else net.add(Select(index=0), x)
        one = norm(net, one, "layer", "fc_norm") if c.flag("use_mean_pooling") else one
        return (dense(net, one, c.labels(), "classifier"),)
    spectrogram = (c.whole("max_length"), c.whole("num_mel_bins"))
    (sound,) = wanted.words(None, input_values=spectrogram)
    wanted.fixed(sound, spectrogram)
    with within(net, frames.SPECTROGRAM.root if end != "Model" else ""):
        x = vit.trunk(net, c, frames.SPECTROGRAM, frames.spectrogram(net, c, sound))
    if end == "Model":
        return (x,)
    one = net.add(Average(), *[net.add(Select(index=i), x) for i in (0, 1)])
    return (dense(net, norm(net, one, "layer", "classifier.layernorm"), c.labels(), "classifier.dense"),)


def joined(c: Config, architecture: str, wanted: Wanted) -> tuple[Tensor, ...]:
    """Add a model of text and pictures."""
    end = ending(c, architecture, ("ForConditionalGeneration", "Model")) if architecture else "ForConditionalGeneration"
    tower, text = composites.parts(c)
    if c.kind in qwen.KINDS:
        shape = qwen.picture(tower)
    else:
        height, width = tower.pair("image_size")
        shape = (height, width, tower.whole("num_channels"))
    most = text.maybe("max_position_embeddings", 1)
    ids, image = wanted.words(most, "input_ids", pixel_values=shape)
    is_open = c.kind in qwen.KINDS or composites.TOWERS[tower.kind].open
    wanted.fixed(image, None if is_open else shape)
    net, has_head = wanted.net, end != "Model"
    kind = composites.COMPOSITES[c.kind]
    if kind.whole and not has_head:
        raise c.refuse("a bare model of this type is not read")
    with within(net, "model" if has_head and not kind.whole else ""):
        words, x = composites.composite(net, c, ids, image)
    if not has_head:
        return (x,)
    x = dense(net, x, text.whole("vocab_size"), f"{kind.text}.lm_head" if kind.whole else "lm_head", bias=False)
    if (text if kind.whole else c).flag("tie_word_embeddings"):
        net.tie(x.producer, words.producer)
    return (x,)
