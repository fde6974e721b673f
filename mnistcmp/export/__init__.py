"""Stored results in other tools' formats. MLflow and TensorBoard are imported where asked for."""
