//! Conversion between the staff API's drafts and the catalogue's input types.

use shared::operator::{
    AttributeDraft, ImageDraft, OptionDraft, OptionValueDraft, ProductDraft, ProductStatus,
    VariantDraft,
};

use super::{
    StoredImage,
    model::{
        ImageSource, NewAttribute, NewImage, NewOption, NewOptionValue, NewProduct, NewVariant,
        Status,
    },
};

/// A product as a draft. `images` are its stored pictures.
pub(super) fn draft_of(product: NewProduct, images: &[StoredImage]) -> ProductDraft {
    let images = if images.is_empty() {
        product.images.into_iter().filter_map(image_of).collect()
    } else {
        let kept = images.iter().map(|it| ImageDraft {
            src: it.image.src.clone(),
            alts: it.alts.clone(),
        });
        kept.collect()
    };
    ProductDraft {
        slug: product.slug,
        status: match product.status {
            Status::Active => ProductStatus::Active,
            Status::Draft => ProductStatus::Draft,
            Status::Archived => ProductStatus::Archived,
        },
        category: product.category,
        brand: product.brand,
        names: product.names,
        descriptions: product.descriptions,
        attributes: product
            .attributes
            .into_iter()
            .map(|it| AttributeDraft {
                names: it.names,
                values: it.values,
            })
            .collect(),
        options: product.options.into_iter().map(option_of).collect(),
        variants: product.variants.into_iter().map(variant_of).collect(),
        images,
        tags: product.tags,
    }
}

fn image_of(image: NewImage) -> Option<ImageDraft> {
    let ImageSource::Remote(src) = image.source else {
        return None;
    };
    Some(ImageDraft {
        src,
        alts: image.alts,
    })
}

fn option_of(option: NewOption) -> OptionDraft {
    let values = option.values.into_iter().map(|it| OptionValueDraft {
        code: it.code,
        names: it.names,
        swatch: it.swatch,
    });
    OptionDraft {
        code: option.code,
        names: option.names,
        values: values.collect(),
    }
}

fn variant_of(variant: NewVariant) -> VariantDraft {
    VariantDraft {
        sku: variant.sku,
        gtin: variant.gtin,
        options: variant.options.into_iter().collect(),
        price: variant.price,
        compare_at: variant.compare_at,
        tracked: variant.stock.is_some(),
        backorder: variant.backorder,
        weight_g: variant.weight_g,
        image: variant.image,
    }
}

/// A draft as a product to be saved. Stock is not part of a draft: tracked variants get 0 here.
pub(super) fn product_of(external_id: &str, draft: &ProductDraft) -> NewProduct {
    let options: Vec<NewOption> = draft.options.iter().map(new_option).collect();
    let variants = draft.variants.iter().map(|it| NewVariant {
        sku: it.sku.clone(),
        gtin: it.gtin.clone(),
        // In the order of the options. Unknown options come last and are refused later.
        options: {
            let known = options.iter().filter_map(|option| {
                let value = it.options.get(&option.code)?;
                Some((option.code.clone(), value.clone()))
            });
            let unknown = it
                .options
                .iter()
                .filter(|(code, _)| !options.iter().any(|option| option.code == **code));
            let unknown = unknown.map(|(code, value)| (code.clone(), value.clone()));
            known.chain(unknown).collect()
        },
        price: it.price,
        compare_at: it.compare_at,
        stock: it.tracked.then_some(0),
        backorder: it.backorder,
        weight_g: it.weight_g,
        image: it.image,
    });
    NewProduct {
        external_id: external_id.to_owned(),
        slug: draft.slug.clone(),
        status: match draft.status {
            ProductStatus::Active => Status::Active,
            ProductStatus::Draft => Status::Draft,
            ProductStatus::Archived => Status::Archived,
        },
        category: draft.category.clone(),
        brand: draft.brand.clone(),
        names: draft.names.clone(),
        descriptions: draft.descriptions.clone(),
        attributes: draft
            .attributes
            .iter()
            .map(|it| NewAttribute {
                names: it.names.clone(),
                values: it.values.clone(),
            })
            .collect(),
        variants: variants.collect(),
        options,
        images: draft
            .images
            .iter()
            .map(|it| NewImage {
                // The shop's own pictures are looked up among those of the product.
                source: if it.src.starts_with('/') {
                    ImageSource::File(it.src.clone().into())
                } else {
                    ImageSource::Remote(it.src.clone())
                },
                alts: it.alts.clone(),
            })
            .collect(),
        tags: draft.tags.clone(),
        created_at: None,
        sold: 0,
    }
}

fn new_option(option: &OptionDraft) -> NewOption {
    let values = option.values.iter().map(|it| NewOptionValue {
        code: it.code.clone(),
        names: it.names.clone(),
        swatch: it.swatch.clone(),
    });
    NewOption {
        code: option.code.clone(),
        names: option.names.clone(),
        values: values.collect(),
    }
}
