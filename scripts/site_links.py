"""A hook of mkdocs: links from docs/ to other files of the repository become their paths, as the site has only docs/."""
import pathlib
import re

REPOSITORY = pathlib.Path(__file__).resolve().parent.parent


def on_page_markdown(markdown, page, config, files):
    def path_of(link):
        text, target = link.group(1), link.group(2)
        if not (REPOSITORY / target.partition("#")[0]).exists():
            raise FileNotFoundError(f"docs/{page.file.src_uri}: ../{target} is not there")
        return f"{text} (`{target}`)" if target not in text else text

    return re.sub(r"\[([^\]]*)\]\(\.\./([^)]*)\)", path_of, markdown)
