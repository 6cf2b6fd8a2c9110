//! Behaviour of the layer, rule by rule.
