import enum


class RequestOutputKind(enum.Enum):
    FINAL_ONLY = 2


class StructuredOutputsParams:
    def __init__(self, json=None):
        self.json = json


class SamplingParams:
    def __init__(self, **settings):
        self.__dict__.update(settings)
