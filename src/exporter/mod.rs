//! Figures for Prometheus; the only listener.
