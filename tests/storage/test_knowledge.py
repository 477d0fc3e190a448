"""Scripts and answers: order of a search, versions, who sees what."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from tests.storage.house import House, open_house


@pytest.fixture
async def house(pool: Any, redis: Any) -> AsyncIterator[House]:
    await pool.execute("truncate knowledge_articles cascade")
    async with open_house(pool, redis) as house:
        yield house


async def write(house: House, title: str, body: str = "正文", **fields: Any) -> dict[str, Any]:
    """An article of super's, published unless said otherwise."""
    article = {"kind": "script", "category": "greeting", "title": title, "body": body, "state": "published"} | fields
    status, answer = await house.ask("POST", "/api/v1/knowledge", by="super", json=article)
    assert status == 201, answer
    return dict(answer)


async def titles(house: House, query: str = "", by: str = "alice") -> list[str]:
    status, found = await house.ask("GET", f"/api/v1/knowledge?{query}", by=by)
    assert status == 200, found
    return [one["title"] for one in found]


def change_of(article: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """What is sent to change an article."""
    kept = ("kind", "category", "title", "body", "keywords", "call_types", "queues", "state", "version")
    return {name: article[name] for name in (*kept, "valid_from", "valid_until")} | fields


# -- search ------------------------------------------------------------------------------------------------


async def test_titles_come_before_bodies_and_what_fits_the_call_first(house: House) -> None:
    await write(house, "正文里有", "遇到久等的来电人")
    await write(house, "久等致歉")
    await write(house, "久等（投诉）", call_types=["complaint"])
    await write(house, "久等（专线）", queues=["service"])
    assert await titles(house, "q=久等") == ["久等致歉", "正文里有", "久等（投诉）", "久等（专线）"]
    assert (await titles(house, "q=久等&call_type=complaint"))[0] == "久等（投诉）"
    assert (await titles(house, "q=久等&queue_id=service"))[0] == "久等（专线）"
    assert (await titles(house, "call_type=complaint"))[0] == "久等（投诉）", "without a word too"


async def test_it_is_found_by_two_characters_initials_keywords_and_all_words(house: House) -> None:
    await write(house, "道歉语（办理差错）", "马上为您更正", keywords="更改 重办")
    await write(house, "Refund rules", "within **7 days**")
    for found in ("道歉", "dqy", "DQY", "差错", "重办", "更正", "马上 dqy", "歉"):
        assert await titles(house, f"q={found}") == ["道歉语（办理差错）"], found
    assert await titles(house, "q=refund 7") == ["Refund rules"]
    for nothing in ("道歉 refund", "%25", "_", "zzz", "歉道"):
        assert await titles(house, f"q={nothing}") == [], nothing


async def test_a_search_of_two_characters_is_answered_by_the_pairs_index(house: House, pool: Any) -> None:
    await pool.execute(
        """
        insert into knowledge_articles (kind, category, title, body, state)
        select 'answer', 'answers', '条目' || n, repeat('说明文字' || n, 40), 'published'
        from generate_series(1, 3000) n
        """
    )
    await write(house, "蓝牙门禁")
    await pool.execute("analyze knowledge_articles")
    plan = await pool.fetch(
        "explain select 1 from knowledge_articles where search_pairs(words) @> search_pairs(folded('蓝牙'))"
    )
    assert any("knowledge_articles_pairs" in row[0] for row in plan), plan
    assert await titles(house, "q=蓝牙") == ["蓝牙门禁"]


async def test_what_is_opened_most_comes_first(house: House) -> None:
    await write(house, "甲")
    used = await write(house, "乙")
    assert await titles(house) == ["甲", "乙"]
    for _ in range(3):
        status, article = await house.ask("POST", f"/api/v1/knowledge/{used['article_id']}/opened", by="alice")
        assert (status, article["title"]) == (200, "乙")
    assert await titles(house) == ["乙", "甲"]
    status, found = await house.ask("GET", "/api/v1/knowledge", by="alice")
    assert [one["opens"] for one in found] == [3, 0]


async def test_the_excerpt_shows_where_the_word_stands(house: House) -> None:
    await write(house, "长文", "开头" * 200 + "关键之处" + "结尾" * 200)
    _, (found,) = await house.ask("GET", "/api/v1/knowledge?q=关键", by="alice")
    assert "关键之处" in found["excerpt"]
    assert len(found["excerpt"]) < 170


# -- who sees what -----------------------------------------------------------------------------------------


async def test_drafts_and_other_days_are_for_writers(house: House) -> None:
    today = house.hotline.knowledge.today()
    day = timedelta(days=1)
    await write(house, "现在")
    await write(house, "今天为止", valid_until=str(today))
    for title, fields in {
        "草稿": {"state": "draft"},
        "停用": {"state": "retired"},
        "明天起": {"valid_from": str(today + day)},
        "昨天止": {"valid_until": str(today - day)},
    }.items():
        hidden = await write(house, title, **fields)
        for path in ("", "/opened"):
            method = "POST" if path else "GET"
            address = f"/api/v1/knowledge/{hidden['article_id']}{path}"
            assert (await house.ask(method, address, by="alice"))[0] == 404, title
            assert (await house.ask(method, address, by="super"))[0] == 200
    assert await titles(house, "everything=true") == ["现在", "今天为止"], "an agent asks in vain"
    assert await titles(house, by="super") == ["现在", "今天为止"]
    assert len(await titles(house, "everything=true", by="super")) == 6
    assert await titles(house, "everything=true&state=draft", by="super") == ["草稿"]


async def test_agents_read_and_do_not_write(house: House) -> None:
    article = await write(house, "问候")
    path = f"/api/v1/knowledge/{article['article_id']}"
    assert (await house.ask("GET", path, by="alice"))[1]["body"] == "正文"
    assert (await house.ask("PUT", path, by="alice", json=change_of(article)))[0] == 403
    assert (await house.ask("GET", f"{path}/versions", by="alice"))[0] == 403


# -- versions ----------------------------------------------------------------------------------------------


async def test_everybody_reads_the_new_version_at_once_and_the_old_one_can_be_had_again(
    house: House, pool: Any
) -> None:
    first = await write(house, "问候", "您好")
    path = f"/api/v1/knowledge/{first['article_id']}"
    status, second = await house.ask(
        "PUT", path, by="admin", json=change_of(first, title="问候语", body="您好，某某公司")
    )
    assert (status, second["version"], second["updated_by"]) == (200, 2, "Admin")
    assert (await house.ask("GET", path, by="alice"))[1]["body"] == "您好，某某公司"

    status, versions = await house.ask("GET", f"{path}/versions", by="super")
    assert [(one["version"], one["by"], one["title"]) for one in versions] == [
        (2, "Admin", "问候语"),
        (1, "Super", "问候"),
    ]
    restored = f"{path}/versions/1/restore"
    status, third = await house.ask("POST", restored, by="super", json={"seen_version": 2})
    assert (status, third["version"], third["title"], third["body"]) == (200, 3, "问候", "您好")
    assert (await house.ask("POST", restored, by="super", json={"seen_version": 2}))[0] == 409, "it comes twice"
    missing = f"{path}/versions/9/restore"
    assert (await house.ask("POST", missing, by="super", json={"seen_version": 3}))[0] == 404
    actions = await pool.fetch("select action from audit_log where object_kind = 'article' order by audit_id")
    assert [row["action"] for row in actions] == ["knowledge.created", "knowledge.changed", "knowledge.restored"]


async def test_restoring_a_text_does_not_publish_what_is_retired(house: House) -> None:
    article = await write(house, "旧价格")
    path = f"/api/v1/knowledge/{article['article_id']}"
    await house.ask("PUT", path, by="super", json=change_of(article, state="retired"))
    _, restored = await house.ask("POST", f"{path}/versions/1/restore", by="super", json={"seen_version": 2})
    assert restored["state"] == "retired"


async def test_the_second_of_two_writers_is_told(house: House) -> None:
    article = await write(house, "问候")
    path = f"/api/v1/knowledge/{article['article_id']}"
    assert (await house.ask("PUT", path, by="super", json=change_of(article, body="甲")))[0] == 200
    status, refusal = await house.ask("PUT", path, by="admin", json=change_of(article, body="乙"))
    assert (status, refusal["error"]["id"]) == (409, "conflict")
    assert (await house.ask("GET", path, by="alice"))[1]["body"] == "甲"


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"category": "nowhere"}, "category"),
        ({"call_types": ["nothing"]}, "call_types"),
        ({"queues": ["nobody"]}, "queues"),
        ({"valid_from": "2026-05-02", "valid_until": "2026-05-01"}, "valid_until"),
        ({"title": ""}, "title"),
        ({"body": "  "}, "body"),
        ({"body": "字" * 20_001}, "body"),
        ({"state": "gone"}, "state"),
    ],
)
async def test_what_is_wrong_is_said_at_its_field(house: House, fields: dict[str, Any], wrong: str) -> None:
    article = {"kind": "answer", "category": "answers", "title": "题", "body": "文"} | fields
    status, answer = await house.ask("POST", "/api/v1/knowledge", by="super", json=article)
    assert status in {400, 422}, answer
    assert any(name.split(".")[-1] == wrong for name in answer["error"]["fields"]), answer


# -- categories --------------------------------------------------------------------------------------------


async def test_the_department_makes_categories_of_its_own(house: House) -> None:
    path = "/api/v1/knowledge-categories"
    names = {"name_zh": "加盟条件", "name_en": "Franchise"}
    assert (await house.ask("PUT", f"{path}/franchise", by="alice", json=names))[0] == 403
    assert (await house.ask("PUT", f"{path}/franchise", by="super", json=names))[0] == 204
    _, categories = await house.ask("GET", path, by="alice")
    assert [one["category_id"] for one in categories][-1] == "franchise"
    assert len([one for one in categories if one["shipped"]]) == 13
    await write(house, "加盟费", category="franchise", kind="answer")
    status, refusal = await house.ask("DELETE", f"{path}/franchise", by="super")
    assert (status, refusal["error"]["id"]) == (409, "category_in_use")
    assert (await house.ask("DELETE", f"{path}/greeting", by="super"))[0] == 404, "a shipped one stays"


async def test_a_new_hotline_begins_with_the_handbooks_phrases(database_url: str, redis: Any) -> None:
    from callcenter.db.pool import create_pool  # noqa: PLC0415 (its own database, untouched)
    from callcenter.settings import Settings  # noqa: PLC0415

    pool = await create_pool(Settings(database_url=database_url))
    async with open_house(pool, redis) as house:
        assert "答不上来时" in await titles(house, "q=回复&limit=200")
        assert (await titles(house, "q=dbsl"))[0] == "答不上来时"
        assert (await titles(house, "q=结束语&call_type=complaint"))[0] == "结束语（投诉）"
        kept = await pool.fetchval(
            "select count(*) from knowledge_articles a join knowledge_versions v using (article_id, version)"
        )
        assert kept == await pool.fetchval("select count(*) from knowledge_articles") > 30
    await pool.close()
