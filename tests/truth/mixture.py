"""A mixture of experts as a module of PyTorch, for the measurements."""

import torch
from torch import nn
from torch.nn import functional


class MixtureOfExperts(nn.Module):
    """Here the first experts are always chosen: which ones they are changes no figure."""

    def __init__(self, features, num_experts, units, top_k=2, shared_experts=0, *, gated=True, **router):
        super().__init__()
        self.top_k, self.shared, self.router_ = top_k, shared_experts, router
        if router.get("score_bias"):
            self.register_buffer("score_bias", torch.zeros(num_experts))
        bias = router.get("use_bias", False)
        self.router = nn.Linear(features, num_experts, bias=bias)
        sides = 2 + gated
        self.experts = nn.ModuleList(
            nn.ModuleList(
                nn.Linear(*((units, features) if side == 0 else (features, units)), bias=bias) for side in range(sides)
            )
            for _ in range(num_experts + shared_experts)
        )
        self.used = top_k + shared_experts

    def forward(self, given):
        scores, chosen = self.choose(self.router(given))
        if self.router_.get("capacity_factor"):
            return self.by_places(given, scores, self.router_["capacity_factor"])
        total = torch.zeros_like(given)
        for expert in self.experts[len(self.experts) - self.shared :]:
            total = total + self.run(expert, given)
        for number in range(self.top_k):  # all steps come to each, as `nonzero` would tell where
            found = torch.zeros(chosen[..., 0].numel(), chosen.dim(), dtype=torch.int64, device=given.device).unbind(1)
            total.index_put_(
                found[:-1],
                self.run(self.experts[number], given[found[:-1]]) * scores[found][:, None],
                accumulate=True,
            )
        return total

    def choose(self, scores):
        scoring, factor = self.router_.get("scoring"), self.router_.get("capacity_factor")
        if scoring != "softmax_of_chosen":
            scores = scores.sigmoid() if scoring == "sigmoid" else scores.softmax(-1)
        if factor:  # the first ones are chosen
            chosen = None
            scores = scores[..., : self.top_k] if scoring == "sigmoid" else scores
        else:
            choice = scores.detach() + self.score_bias if self.router_.get("score_bias") else scores.detach()
            if self.router_.get("groups", 1) > 1:
                apart = choice.unflatten(-1, (self.router_["groups"], -1))
                out = apart[..., 0] < 0
                choice = apart.masked_fill(out[..., None], float("-inf")).flatten(-2)
            chosen = choice.topk(self.top_k, dim=-1).indices
            scores = scores.gather(-1, chosen)
        if scoring == "softmax_of_chosen":
            scores = scores.softmax(-1)
        return (scores / scores.sum(-1, keepdim=True) if scoring == "sigmoid" else scores), chosen

    def run(self, expert, given):
        limit = self.router_.get("limit")
        back, into, *gate = expert
        hidden = into(given)
        if limit is not None:
            hidden = hidden.clamp(max=limit)
        hidden = functional.silu(hidden)
        if gate:
            side = gate[0](given)
            if limit is not None:
                side = side.clamp(-limit, limit) + 1
            hidden = hidden * side
        return back(hidden)

    def by_places(self, given, scores, factor):
        """Each expert has places for some steps: here the first ones of all."""
        places = -(-int(given.shape[1] * self.top_k * factor) // (len(self.experts) - self.shared))
        total = torch.zeros_like(given)
        own = len(self.experts) - self.shared
        for expert in self.experts[own:]:
            total = total + self.run(expert, given)
        for expert in self.experts[:own]:
            back, into, gate = expert
            read = given[:, :places].clone()
            made = back(functional.silu(into(read)) * gate(read))
            total[:, :places] += made * scores[:, :places, :1]
        return total
