"""The configuration: objects, their options, and where they are kept.

Start at :class:`Environment` (a whole configuration as one value); read one from a TOML file with
:func:`cordboard.config.toml.load` or from the store with :class:`cordboard.config.store.Store`.
"""

from cordboard.config.dn_options import AgentLoginOptions, DnOptions
from cordboard.config.environment import Change, ChangeKind, Environment
from cordboard.config.errors import (
    ConfigError,
    DuplicateError,
    FileSyntaxError,
    InvalidConfigError,
    MissingReferenceError,
    Notice,
    OptionValueError,
    UnknownObjectError,
    UnknownOptionError,
    Where,
)
from cordboard.config.objects import DN, AgentLogin, Application, ObjectKind, ObjectRef, Person, Place, Role, Switch
from cordboard.config.options import ApplicationOptions, SwitchOptions
from cordboard.config.optionset import DnType
from cordboard.config.secret import Secret

__all__ = [
    "DN",
    "AgentLogin",
    "AgentLoginOptions",
    "Application",
    "ApplicationOptions",
    "Change",
    "ChangeKind",
    "ConfigError",
    "DnOptions",
    "DnType",
    "DuplicateError",
    "Environment",
    "FileSyntaxError",
    "InvalidConfigError",
    "MissingReferenceError",
    "Notice",
    "ObjectKind",
    "ObjectRef",
    "OptionValueError",
    "Person",
    "Place",
    "Role",
    "Secret",
    "Switch",
    "SwitchOptions",
    "UnknownObjectError",
    "UnknownOptionError",
    "Where",
]
