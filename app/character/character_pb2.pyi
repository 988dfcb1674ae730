from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class RewardStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REWARD_STATUS_UNSPECIFIED: _ClassVar[RewardStatus]
    NONE: _ClassVar[RewardStatus]
    GRANTED: _ClassVar[RewardStatus]
    OWNED: _ClassVar[RewardStatus]
REWARD_STATUS_UNSPECIFIED: RewardStatus
NONE: RewardStatus
GRANTED: RewardStatus
OWNED: RewardStatus

class GrantRewardRequest(_message.Message):
    __slots__ = ("user_id", "task_id", "classification", "has_rules", "insufficient")
    USER_ID_FIELD_NUMBER: _ClassVar[int]
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    CLASSIFICATION_FIELD_NUMBER: _ClassVar[int]
    HAS_RULES_FIELD_NUMBER: _ClassVar[int]
    INSUFFICIENT_FIELD_NUMBER: _ClassVar[int]
    user_id: str
    task_id: str
    classification: Classification
    has_rules: bool
    insufficient: bool
    def __init__(self, user_id: _Optional[str] = ..., task_id: _Optional[str] = ..., classification: _Optional[_Union[Classification, _Mapping]] = ..., has_rules: bool = ..., insufficient: bool = ...) -> None: ...

class Classification(_message.Message):
    __slots__ = ("major_category", "middle_category", "minor_category")
    MAJOR_CATEGORY_FIELD_NUMBER: _ClassVar[int]
    MIDDLE_CATEGORY_FIELD_NUMBER: _ClassVar[int]
    MINOR_CATEGORY_FIELD_NUMBER: _ClassVar[int]
    major_category: str
    middle_category: str
    minor_category: str
    def __init__(self, major_category: _Optional[str] = ..., middle_category: _Optional[str] = ..., minor_category: _Optional[str] = ...) -> None: ...

class GrantRewardResponse(_message.Message):
    __slots__ = ("status", "character", "catalogue_version")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    CHARACTER_FIELD_NUMBER: _ClassVar[int]
    CATALOGUE_VERSION_FIELD_NUMBER: _ClassVar[int]
    status: RewardStatus
    character: Character
    catalogue_version: int
    def __init__(self, status: _Optional[_Union[RewardStatus, str]] = ..., character: _Optional[_Union[Character, _Mapping]] = ..., catalogue_version: _Optional[int] = ...) -> None: ...

class Character(_message.Message):
    __slots__ = ("code", "name", "type", "dialog")
    CODE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    TYPE_FIELD_NUMBER: _ClassVar[int]
    DIALOG_FIELD_NUMBER: _ClassVar[int]
    code: str
    name: str
    type: str
    dialog: str
    def __init__(self, code: _Optional[str] = ..., name: _Optional[str] = ..., type: _Optional[str] = ..., dialog: _Optional[str] = ...) -> None: ...
