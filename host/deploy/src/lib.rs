//! Load, resolve, admit, plan, deploy, wait, report: the seven steps, free of terminal code
