"""Numbers that remember how they came about, so that operators' rules, run on them once, give their own formulas.

Explanations of a layer use :mod:`~archinspect.base.symbolic.traced`: numbers that write how a rule computed them.
Closed formulas of a network use the others, from the numbers to what is made of them:

`trace`
    A `Trace` makes symbols. What rules compute with them are polynomials, what they compare are guards::

        trace = Trace()
        height, batch = trace.symbol("height", 224), trace.symbol("batch", 1)
        ...                                    # rules run on (batch, height, 224, 3) as on any shape
        macs = trace.formula(number)           # a `Formula`: the number, and all guards so far

    Guards belong to all that was computed in a trace; whoever wants those of one figure alone traces it alone.
`formulas`
    `macs(height=448, batch=2)` is exact, and a ValueError where the guards do not hold. `str(macs)`, `macs.guards`,
    `macs.latex()`, `macs.python("macs")`, `macs.as_dict()` are for people and programs.
`vectors`
    `Table({"macs": macs, ...})` evaluates formulas for arrays: `columns, holds = table(height=..., batch=...)`.

Below them are `polynomial`, `bounds` (what is known of a sign), `algebra` (normal forms), `guards` (which follow from
others), `evaluation`, `arranging` and `writing`.
"""
