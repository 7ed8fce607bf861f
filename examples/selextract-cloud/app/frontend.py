"""The pages, and their own health."""

from serving import Handler, serve


class Frontend(Handler):
    def do_GET(self):
        if self.path == "/api/health":
            self.answer(200, {"status": "ok"})
        elif self.path == "/":
            self.answer(200, "<!doctype html><title>Selextract</title><h1>Selextract</h1>\n", "text/html; charset=utf-8")
        else:
            self.answer(404, {"error": "there is no such page"})


if __name__ == "__main__":
    serve(3000, Frontend)
