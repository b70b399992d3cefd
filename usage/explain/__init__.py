"""Why usage of a feature changed between two periods: which values, hours or moments account for it.

Method. A change is attributed to the values of one dimension at a time: a property, the entity, the plan, the
customer, the hour of the day, the weekday. Source: Bhagwan et al., "Adtributor: Revenue Debugging in
Advertising Systems" (NSDI 2014). Its *explanatory power* of a value, the value's own change over the whole
change, is a row's `share`: those of one dimension sum to 1. Its *surprise*, the Jensen-Shannon divergence of
a value's share before and after, orders dimensions whose values are otherwise equal.

Rows are ranked by `excess`: what a value has beyond its earlier sum times the ratio that most values of its
dimension share (their middle ratio, then that of all values near it). A large value that only grew with
everything else has none, though its explanatory power is large: this is what Adtributor's thresholds on both
numbers are for. For the rank the excess is multiplied by 1 minus the earlier share, and of values within 5 %
of the first the rarest comes first: of values with the same events the one that says most about them, a new
user before the model that it uses.

Noise. Sums of events vary. Their variance is taken for that of a compound Poisson process, sum of value² for
each dimension's events, or for what the bins show where that is more. A row counts only at NOISE_TIMES its
standard error, and with at least MATERIAL of usage; so nothing is named where there are few events.

Cause. "single": one value accounts for at least MAIN_PART of the change, against what the other values of
its dimension did; "several": up to MOST_VALUES of one dimension do together, or values moved against each
other, also where the sum stayed; "none": neither; "unknown": no dimension could be looked at.

Shape. A step, a bounded run of intervals, a slope, a weekday or an hour of the day is fitted to the later
period, relative to what the earlier one had at that hour and weekday, by least squares with weights; the
model with the lowest Bayesian information criterion counts if it accounts for half of the change (compare
Truong, Oudre and Vayatis, "Selective review of offline change point detection methods", 2020).

Limits. One dimension at a time: a cause that is a combination ("this model in that region") shows as its
parts, and Simpson's paradox remains possible: a value may grow in each region and shrink in all together.
Sums are additive, so no average is compared across groups of different sizes, which is its usual form.
Values that belong to the same events (a user who uses one model) are ranked beside each other: the figures
say what moved together, not what caused it. Only properties of the newest 1,000 rows are known: one that
ended with the earlier period is not looked at. Where values are folded into Other, a row counts only if
all of Other could not change that.
"""
