"""The dashboard: reads run directories, draws them, drops command files. Never touches training."""
