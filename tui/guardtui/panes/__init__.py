"""The pages of the run screen: charts, signals, output, origin."""
