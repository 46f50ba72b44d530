def test_name(backend):
    assert backend.title
