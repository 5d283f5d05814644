class AsyncEngineArgs:
    def __init__(self, *, model, **settings):
        self.model = model
        self.settings = settings
