"""An editable install is found from every folder, the parent of a clone called `zoo` included."""


def test_package_is_found_beside_a_clone_of_its_name(installed):
    found = installed.run(
        "python", "-c", "import zoo; print(zoo.__file__, zoo.BayesianNetwork)"
    )
    assert str(installed.clone / "zoo" / "__init__.py") in found


def test_guides_are_found_there_too(installed):
    found = installed.run("python", "-c", "import guides; print(guides.MeanField)")
    assert "guides.mean_field.MeanField" in found
