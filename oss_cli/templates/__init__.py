"""Saved prompts: files of the user's own → what a model is asked. Knows no model, no terminal and no standard input."""

from oss_cli.templates.folder import TemplateFolder
from oss_cli.templates.template import FilledTemplate, Template, template_values

__all__ = ["FilledTemplate", "Template", "TemplateFolder", "template_values"]
